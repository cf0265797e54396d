import { NETWORK } from '../../lab/topology.ts';
import type { Cell, Side } from './cells.ts';

/** The host that tiebreak runs on, and the peer's. */
export const OUR_HOST = 'a';
export const THEIR_HOST = 'b';

/** One cell as it is set up: everything that both configurations must agree on. */
export type Pairing = {
  readonly cell: Cell;
  /** No other cell on this LAN has it. */
  readonly virtualRouterId: number;
  /** In the order in which they are advertised; over IPv6 the first is link-local (RFC 9568 section 5.2.9). */
  readonly addresses: readonly [string, ...string[]];
  readonly prefixLength: number;
  readonly intervalMs: number;
  readonly priority: Readonly<Record<Side, number>>;
  /** Where each one's advertisements come from. FRR chooses its own. */
  readonly source: Readonly<Record<Side, string>>;
  readonly password: string | undefined;
};

const HIGHER = 200;
const LOWER = 100;
const EQUAL = 150;
/** Version 2 counts whole seconds, version 3 hundredths. Slow, so that a busy machine makes nobody miss three in a row. */
const INTERVAL_MS = { 2: 2_000, 3: 1_600 } as const;
const PASSWORD = 'swordfis';

type Sources = { readonly lan: string; readonly lan6: string; readonly linkLocal: string };

/** Addresses of our host below every source of a peer, also below the link-local one of FRR's virtual MAC. */
const BELOW: Sources = { lan: NETWORK.hosts.a.lan, lan6: NETWORK.hosts.a.lan6, linkLocal: 'fe80::77:ff:fe00:a' };
/** And above. The topology does not give our host these. */
export const ABOVE: Sources = { lan: '10.77.0.211', lan6: 'fd77::f:11', linkLocal: 'fe80::f000:0:0:a' };
const THEIRS: Sources = { lan: NETWORK.hosts.b.lan, lan6: NETWORK.hosts.b.lan6, linkLocal: 'fe80::77:ff:fe00:b' };

/** Sets up all cells beside each other on one LAN, at most 255 of them. */
export function pairingsOf(cells: readonly Cell[]): Pairing[] {
  return cells.map((cell, index) => pairing(cell, index + 1));
}

function pairing(cell: Cell, virtualRouterId: number): Pairing {
  const { family, version, priorities, stronger, authentication } = cell;
  // The address must decide nothing but a tie: whoever has the higher priority has the lower address.
  const oursAbove = priorities === 'equal' ? stronger === 'ours' : stronger === 'theirs';
  const hex = virtualRouterId.toString(16);
  return {
    ...{ cell, virtualRouterId },
    addresses: family === 4 ? [`10.77.1.${virtualRouterId}`] : [`fe80::1:${hex}`, `fd77:1::${hex}`],
    prefixLength: family === 4 ? 32 : 64,
    intervalMs: INTERVAL_MS[version],
    priority: {
      ours: priorityOf('ours', cell),
      theirs: priorityOf('theirs', cell),
    },
    source: { ours: sourceIn(oursAbove ? ABOVE : BELOW, cell), theirs: sourceIn(THEIRS, cell) },
    password: authentication === 'PASS' ? PASSWORD : undefined,
  };
}

function priorityOf(side: Side, { priorities, stronger }: Cell): number {
  if (priorities === 'equal') return EQUAL;
  return side === stronger ? HIGHER : LOWER;
}

function sourceIn({ lan, lan6, linkLocal }: Sources, { family, transport }: Cell): string {
  if (family === 4) return lan;
  // Multicast wants the link-local one (RFC 9568 section 5.1.2.1).
  return transport === 'multicast' ? linkLocal : lan6;
}
