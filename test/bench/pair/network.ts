import { z } from 'zod';
import { NETWORK, PORTS, type Topology } from '../../lab/topology.ts';

/** A VRID is unique on its interface (1 to 255); round figures are easier to read. */
export const ROUTERS_PER_INTERFACE = 250;
const SIDEBAND_PORT = 3_112;

export type Counts = {
  /** Advertisements that came from a host, on all its interfaces. */
  readonly advertisements: Readonly<Record<'a' | 'b', number>>;
  /** Sideband datagrams likewise. */
  readonly datagrams: Readonly<Record<'a' | 'b', number>>;
};

const Listed = z.object({
  nftables: z.array(z.object({ counter: z.object({ name: z.string(), packets: z.number() }).optional() })),
});

/** The interfaces on which a host has so many virtual routers. The first is the laboratory's. */
export function interfacesFor(routers: number): string[] {
  const count = Math.ceil(routers / ROUTERS_PER_INTERFACE);
  return Array.from({ length: count }, (_, index) => (index === 0 ? NETWORK.lanInterface : `more${index}`));
}

/** Gives both hosts what interfaces they lack, and has the switch count, in the kernel, what it hears from each of them. */
export async function prepareNetwork(topology: Topology, routers: number): Promise<void> {
  const more = interfacesFor(routers).slice(1);
  // Networks of their own: on one, a host would hear itself.
  for (const [index, name] of more.entries()) {
    const bridge = `br-${name}`;
    await topology.ip('switch', [
      `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `link set ${bridge} up`,
      ...(['a', 'b'] as const).flatMap((host) => [
        `link add ${portOf(host, name)} type veth peer name ${name} netns ${topology.namespace(host)}`,
        `link set ${portOf(host, name)} master ${bridge}`,
        `link set ${portOf(host, name)} up`,
      ]),
    ]);
    for (const [host, last] of [
      ['a', 11],
      ['b', 12],
    ] as const) {
      await topology.ip(host, [`link set ${name} up`, `addr add 10.78.${index}.${last}/24 dev ${name}`]);
    }
  }
  await topology.nft(countingRules(more));
}

/** As the switch has counted so far. */
export async function readCounts(topology: Topology): Promise<Counts> {
  const listed = Listed.parse(
    JSON.parse(await topology.inside('switch', 'nft', ['-j', 'list', 'counters', 'table', 'bridge', 'count'])),
  );
  const packets = (name: string): number => {
    const found = listed.nftables.find(({ counter }) => counter?.name === name)?.counter;
    if (found === undefined) throw new Error(`the switch has no counter ${name}`);
    return found.packets;
  };
  return {
    advertisements: { a: packets('advertisements_a'), b: packets('advertisements_b') },
    datagrams: { a: packets('datagrams_a'), b: packets('datagrams_b') },
  };
}

/** Before the bridge copies a multicast frame to its ports, so that each counts once. */
function countingRules(more: readonly string[]): string {
  const lines = (['a', 'b'] as const).flatMap((host) => {
    const ports = [PORTS[host].lan, PORTS[host].uplink, ...more.map((name) => portOf(host, name))];
    const from = `iifname { ${ports.map((port) => `"${port}"`).join(', ')} }`;
    return [
      `${from} ip protocol vrrp counter name advertisements_${host}`,
      `${from} udp dport ${SIDEBAND_PORT} counter name datagrams_${host}`,
    ];
  });
  const names = ['advertisements_a', 'advertisements_b', 'datagrams_a', 'datagrams_b'];
  return `table bridge count {
  ${names.map((name) => `counter ${name} { }`).join('\n  ')}
  chain heard {
    type filter hook prerouting priority -400; policy accept;
    ${lines.join('\n    ')}
  }
}
`;
}

function portOf(host: 'a' | 'b', name: string): string {
  return `${host}-${name}`;
}
