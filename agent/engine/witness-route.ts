import { formatAddress, isLinkLocal, parseAddress } from '@tiebreak/shared/vrrp';
import type { GroupConfig } from '../config/index.ts';
import type { FoundRoute, Rtnetlink } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import { RateLimitedLog } from './rate-limited-log.ts';

/** An address that must not stand between this node and the witness, and whose it is, for a person. */
type Forbidden = ReadonlyMap<string, string>;

export type ForbiddenAddresses = { readonly virtual: Forbidden; readonly peers: Forbidden };

export function forbiddenAddresses(groups: readonly GroupConfig[]): ForbiddenAddresses {
  const virtual = new Map<string, string>();
  const peers = new Map<string, string>();
  for (const group of groups) {
    for (const { addresses } of group.virtualRouters) {
      for (const { address } of addresses) virtual.set(canonical(address), `an address of group ${group.name}`);
    }
    for (const { node, addresses } of group.mode === 'lease' ? group.peers : []) {
      for (const address of addresses) peers.set(canonical(address), `node ${node}`);
    }
  }
  return { virtual, peers };
}

/** What is wrong with the way to one address of the witness, for a person; undefined: nothing. */
export function explainWay(
  witness: string,
  { gateway }: Pick<FoundRoute, 'gateway'>,
  { virtual, peers }: ForbiddenAddresses,
): string | undefined {
  const via = gateway === undefined ? canonical(witness) : formatAddress(gateway);
  const whose = virtual.get(via) ?? peers.get(via);
  if (whose === undefined) return undefined;
  const cure = virtual.has(via)
    ? 'it moves with the group, so nobody reaches the witness when it is needed'
    : 'whoever loses that node loses the witness with it';
  return `the way to the witness (${witness}) leads through ${via}, ${whose}: ${cure}; give this host a route to the witness through another router`;
}

export type WitnessRoutesOptions = {
  readonly rtnetlink: Pick<Rtnetlink, 'routeTo' | 'addresses'>;
  /** As they are now. */
  readonly groups: () => readonly GroupConfig[];
  readonly log: Logger;
};

/**
 * Judges the way to the witness, whenever the link asks: it must neither lead through the
 * peer or a group's own address, nor begin at one, for then it ends in the very moment in which the witness is needed.
 */
export class WitnessRoutes {
  readonly #options: WitnessRoutesOptions;
  readonly #complaints: RateLimitedLog;
  #problem: string | undefined;

  constructor(options: WitnessRoutesOptions) {
    this.#options = options;
    this.#complaints = new RateLimitedLog(options.log);
  }

  get #forbidden(): ForbiddenAddresses {
    return forbiddenAddresses(this.#options.groups());
  }

  /** What is wrong, for a person, as it was found last. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Looks at the way to each of these addresses. Returns the address to speak from; undefined: whichever the kernel
   * chooses, since that is none of a group's.
   */
  check(witness: readonly string[]): string | undefined {
    const problems: string[] = [];
    let from: string | undefined;
    for (const address of witness) {
      const bytes = parseAddress(address);
      const route = bytes === undefined ? undefined : this.#options.rtnetlink.routeTo(bytes);
      // Without a route there is no link either, which is told elsewhere.
      if (route?.ok !== true) continue;
      const problem = explainWay(address, route.value, this.#forbidden);
      if (problem !== undefined) problems.push(problem);
      const source = this.#source(address, route.value);
      if (source.problem !== undefined) problems.push(source.problem);
      from ??= source.from;
    }
    this.#problem = problems.length === 0 ? undefined : problems.join('; ');
    if (this.#problem !== undefined) this.#complaints.warn('way to the witness', {}, this.#problem);
    return from;
  }

  /** The fence would cut a link that was opened from a group's address as soon as this node gives it up. */
  #source(witness: string, { interfaceIndex, source }: FoundRoute): { from?: string; problem?: string } {
    const { virtual } = this.#forbidden;
    const chosen = source === undefined ? undefined : formatAddress(source);
    const whose = chosen === undefined ? undefined : virtual.get(chosen);
    if (source === undefined || whose === undefined) return {};
    const addresses = this.#options.rtnetlink.addresses(interfaceIndex);
    const other = addresses.ok
      ? addresses.value.find(
          ({ address, deprecated, duplicate, tentative }) =>
            address.length === source.length &&
            !(address.length === 16 && isLinkLocal(address)) &&
            !(deprecated || duplicate || tentative) &&
            !virtual.has(formatAddress(address)),
        )
      : undefined;
    if (other !== undefined) return { from: formatAddress(other.address) };
    return {
      problem: `the way to the witness (${witness}) begins at ${chosen}, ${whose}, and the interface has no other address: give it one of its own`,
    };
  }
}

function canonical(text: string): string {
  const bytes = parseAddress(text);
  return bytes === undefined ? text : formatAddress(bytes);
}
