import { parseAddress } from './address.ts';
import { at, type Finding } from './finding.ts';
import { policyFindings, policyWarnings } from './policies.ts';
import type { Path } from './problem.ts';
import { familyOf } from './rules.ts';
import type { CheckedGroup, CheckedRouter, WitnessTable } from './schema.ts';
import type { Source } from './source.ts';

// What groups must be to each other, and to the witness.

export function wholeFindings(
  groups: readonly CheckedGroup[],
  witness: WitnessTable | undefined,
  source: Source,
): Finding[] {
  return [
    ...repeatedNames(groups, source),
    ...repeatedRouters(groups, source),
    ...sharedLinkLocals(groups, source),
    ...movingPaths(groups, witness, source),
    ...sharedLinks(groups, source),
    ...policyFindings(groups, source),
  ];
}

export function wholeWarnings(
  groups: readonly CheckedGroup[],
  witness: WitnessTable | undefined,
  source: Source,
): Finding[] {
  const found = policyWarnings(groups, source);
  if (witness === undefined) return found;
  if (witness.url.startsWith('http:')) {
    const here = ['witness', 'url'];
    const message = 'http:// is neither encrypted nor proof of who answers';
    found.push(at(source.valueAt(here), here, message, 'use https:// beyond your own network'));
  }
  if (groups.every((group) => group.table.mode === 'vrrp')) {
    found.push(
      at(
        source.keyAt(['witness']),
        ['witness'],
        'shows what this node reports, and has no vote: no group is in mode "lease"',
      ),
    );
  }
  return found;
}

function repeatedNames(groups: readonly CheckedGroup[], source: Source): Finding[] {
  return repeated(groups, (group) => group.table.name).map(({ item, first }) => {
    const here = [...item.path, 'name'];
    const line = source.keyAt(first.path).line;
    return at(source.valueAt(here), here, `"${item.table.name}" is already the group of line ${line}`);
  });
}

function repeatedRouters(groups: readonly CheckedGroup[], source: Source): Finding[] {
  const routers = groups.flatMap((group) => group.routers);
  const identities = repeated(routers, ({ table }) =>
    JSON.stringify([table.interface, table.virtual_router_id, familyOf(table)]),
  ).map(({ item, first }) => {
    const here = [...item.path, 'virtual_router_id'];
    const { interface: device, virtual_router_id: id } = item.table;
    const line = source.keyAt(first.path).line;
    return at(source.valueAt(here), here, `${id} on ${device} is already the virtual router of line ${line}`);
  });
  const addresses = repeated(virtualAddresses(routers), (address) => address.key).map(({ item, first }) => {
    const line = source.valueAt(first.path).line;
    return at(source.valueAt(item.path), item.path, `${item.address} is already a virtual address in line ${line}`);
  });
  return [...identities, ...addresses];
}

/** The fence holds an address back on every interface, so two lease groups cannot have the same one on different links. */
function sharedLinkLocals(groups: readonly CheckedGroup[], source: Source): Finding[] {
  const leased = groups
    .filter((group) => group.table.mode === 'lease')
    .flatMap((group) => virtualAddresses(group.routers).map((address) => ({ ...address, group })));
  return repeated(leased, ({ address }) => address).flatMap(({ item, first }) => {
    if (item.group === first.group || item.key === first.key) return [];
    const message = `${item.address} in two groups (line ${source.valueAt(first.path).line}) is not supported yet`;
    return [at(source.valueAt(item.path), item.path, message, 'give each group a link-local address of its own')];
  });
}

function virtualAddresses(routers: readonly CheckedRouter[]): { path: Path; address: string; key: string }[] {
  return routers.flatMap(({ path, table }) =>
    table.addresses.map((entry, index) => {
      const { address } = entry.address;
      // A link-local address belongs to its link: the same on two of them is two addresses.
      const link = address.startsWith('fe80:') ? (entry.interface ?? table.interface) : '';
      return { path: [...path, 'addresses', index], address, key: `${address}%${link}` };
    }),
  );
}

/** The way to a voter must not lead through an address that the vote is about (DESIGN section 6). */
function movingPaths(groups: readonly CheckedGroup[], witness: WitnessTable | undefined, source: Source): Finding[] {
  const moving = new Set(virtualAddresses(groups.flatMap((group) => group.routers)).map(({ address }) => address));
  const ends = groups
    .filter((group) => group.table.mode === 'lease')
    .flatMap(({ path, table }) =>
      table.peers.flatMap((peer, index) =>
        peer.addresses.map((address, at) => ({ address, path: [...path, 'peers', index, 'addresses', at] })),
      ),
    );
  if (witness !== undefined) {
    const host = new URL(witness.url).hostname.replace(/^\[|\]$/g, '');
    ends.push({ address: parseAddress(host)?.address ?? '', path: ['witness', 'url'] });
  }
  return ends
    .filter(({ address }) => moving.has(address))
    .map(({ address, path }) =>
      at(
        source.valueAt(path),
        path,
        `leads to the virtual address ${address}, which moves`,
        'use one that stays with its host',
      ),
    );
}

/** One datagram to a peer speaks for all groups (L3): what the link is made of cannot differ between them. */
function sharedLinks(groups: readonly CheckedGroup[], source: Source): Finding[] {
  const links = groups
    .filter((group) => group.table.mode === 'lease')
    .flatMap((group) =>
      group.table.peers.map((peer, index) => ({ group, path: [...group.path, 'peers', index], peer })),
    );
  const found: Finding[] = [];
  for (const { item, first } of repeated(links, (link) => link.peer.node)) {
    const line = source.keyAt(first.group.path).line;
    const differs = (path: Path, what: string): void => {
      found.push(
        at(source.valueAt(path), path, `${what} of peer "${item.peer.node}" must be as in the group of line ${line}`),
      );
    };
    if (item.peer.addresses.toSorted().join() !== first.peer.addresses.toSorted().join()) {
      differs([...item.path, 'addresses'], 'the addresses');
    }
    for (const key of ['sideband_port', 'key_file'] as const) {
      if (item.group.table[key] !== first.group.table[key]) differs([...item.group.path, key], `the ${key}`);
    }
  }
  return found;
}

/** Every item whose key an earlier item has, with that earlier one. */
function repeated<T>(items: readonly T[], keyOf: (item: T) => string): { item: T; first: T }[] {
  const seen = new Map<string, T>();
  return items.flatMap((item) => {
    const key = keyOf(item);
    const first = seen.get(key);
    if (first !== undefined) return [{ item, first }];
    seen.set(key, item);
    return [];
  });
}
