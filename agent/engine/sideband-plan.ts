import { isIPv6 } from 'node:net';
import type { LeaseGroupConfig, PeerConfig, Secrets, SidebandKey } from '../config/index.ts';
import { StartFailure } from './start-failure.ts';

/** Groups with the same peer, port and key file share a link, and with it each datagram (L3). */
export type LinkPlan<Group> = {
  readonly port: number;
  readonly keyFile: string;
  readonly peer: PeerConfig;
  readonly keys: readonly [SidebandKey, ...SidebandKey[]];
  readonly groups: Group[];
};

type Planned = { readonly config: LeaseGroupConfig };

/** Throws StartFailure where a group's keys were not read. */
export function planLinks<Group extends Planned>(
  groups: readonly Group[],
  { groupKeys }: Pick<Secrets, 'groupKeys'>,
): LinkPlan<Group>[] {
  const plans: LinkPlan<Group>[] = [];
  for (const group of groups) {
    const { sidebandPort: port, keyFile, peers, name } = group.config;
    const keys = groupKeys.get(name);
    if (keys === undefined) throw new StartFailure(`group ${name}: no key was read from ${keyFile}`);
    for (const peer of peers) {
      const shared = plans.find(
        (plan) => plan.port === port && plan.keyFile === keyFile && plan.peer.node === peer.node,
      );
      if (shared === undefined) plans.push({ port, keyFile, peer, keys, groups: [group] });
      else shared.groups.push(group);
    }
  }
  return plans;
}

/**
 * Which link of before goes on as which of these: one of the same peer and port, best with the same key file, else with the
 * same group. Each goes on as one at most. A new one in its place would begin to count its datagrams anew, and the
 * peer would take them for a replay.
 */
export function matchLinks<Group extends Planned, Link>(
  plans: readonly LinkPlan<Group>[],
  before: ReadonlyMap<LinkPlan<Group>, Link>,
): ReadonlyMap<LinkPlan<Group>, Link> {
  const matched = new Map<LinkPlan<Group>, Link>();
  const left = new Map(before);
  const match = (isSame: (plan: LinkPlan<Group>, former: LinkPlan<Group>) => boolean): void => {
    for (const plan of plans) {
      if (matched.has(plan)) continue;
      for (const [former, link] of left) {
        if (former.port !== plan.port || former.peer.node !== plan.peer.node || !isSame(plan, former)) continue;
        matched.set(plan, link);
        left.delete(former);
        break;
      }
    }
  };
  match((plan, former) => plan.keyFile === former.keyFile);
  match((plan, former) => plan.groups.some((group) => former.groups.includes(group)));
  match(() => true);
  return matched;
}

/** The sockets that these need: `PORT ipv4` or `PORT ipv6`. */
export function socketsOf(plans: readonly LinkPlan<Planned>[]): { port: number; family: 'ipv4' | 'ipv6' }[] {
  const found = new Map<string, { port: number; family: 'ipv4' | 'ipv6' }>();
  for (const { port, peer } of plans) {
    for (const address of peer.addresses) {
      const family = isIPv6(address) ? 'ipv6' : 'ipv4';
      found.set(socketName(port, family), { port, family });
    }
  }
  return [...found.values()];
}

export function socketName(port: number, family: 'ipv4' | 'ipv6'): string {
  return `${port} ${family}`;
}
