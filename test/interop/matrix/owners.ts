import { z } from 'zod';
import type { HostName, Topology } from '../../lab/topology.ts';
import type { Side } from './cells.ts';
import type { Pairing } from './pairing.ts';

export type Owner = Side | 'both' | 'nobody';

const Interfaces = z.array(
  z.object({ operstate: z.string(), addr_info: z.array(z.object({ local: z.string().optional() })) }),
);

/** The addresses that a host would answer for: FRR keeps all of them, on devices that it takes down. */
export async function activeAddresses(topology: Topology, host: HostName): Promise<ReadonlySet<string>> {
  const shown = Interfaces.parse(JSON.parse(await topology.inside(host, 'ip', ['-j', 'addr', 'show'])));
  const up = shown.filter(({ operstate }) => operstate === 'UP');
  return new Set(up.flatMap(({ addr_info }) => addr_info.flatMap(({ local }) => local ?? [])));
}

/** Who has all addresses of a pair. Some but not all count as having them: nobody may take half. */
export function ownerOf({ addresses }: Pairing, ours: ReadonlySet<string>, theirs: ReadonlySet<string>): Owner {
  const here = addresses.some((address) => ours.has(address));
  const there = addresses.some((address) => theirs.has(address));
  if (here && there) return 'both';
  if (here) return 'ours';
  return there ? 'theirs' : 'nobody';
}
