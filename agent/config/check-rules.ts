import { at, type Finding } from './finding.ts';
import type { Path } from './problem.ts';
import { Check, type CheckedRouter } from './schema.ts';
import type { Source } from './source.ts';

/** What the checks of a group must be to the virtual routers of all groups. */
export function checkFindings(
  tables: readonly { readonly raw: unknown; readonly index: number }[],
  groupPath: Path,
  routers: readonly CheckedRouter[],
  source: Source,
): Finding[] {
  const virtual = new Set(routers.flatMap(({ table }) => table.addresses.map(({ address }) => address.address)));
  return tables.flatMap(({ raw, index }) => {
    const arp = Check.safeParse(raw).data?.arp;
    if (arp === undefined || !virtual.has(arp.address)) return [];
    const path = [...groupPath, 'check', index, 'arp'];
    const message = `${arp.address} is a virtual address: its owner would ask itself`;
    return [at(source.valueAt(path), path, message, 'name a neighbour that does not move, the gateway for example')];
  });
}
