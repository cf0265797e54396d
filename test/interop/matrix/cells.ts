/** The other program, as Debian 12 has it. */
export type PeerName = 'keepalived' | 'FRR';
export type Side = 'ours' | 'theirs';

/** What one virtual router of a pair is like. One combination of all is a cell of the matrix. */
export type Cell = {
  readonly peer: PeerName;
  readonly version: 2 | 3;
  readonly family: 4 | 6;
  readonly transport: 'multicast' | 'unicast';
  readonly authentication: 'none' | 'PASS';
  /** Of our advertisements and address; keepalived does the same, FRR knows the virtual one alone. */
  readonly mac: 'own' | 'virtual';
  /** What both do when they hear a lower priority. */
  readonly preempt: boolean;
  /** Whose priority is higher, or that both are the same and the address decides. */
  readonly priorities: 'ours higher' | 'theirs higher' | 'equal';
  /** Who keeps the address where both hold it; where the priorities are equal, the one with the higher address. */
  readonly stronger: Side;
};

const PEERS = ['keepalived', 'FRR'] as const;
const VERSIONS = [2, 3] as const;
const FAMILIES = [4, 6] as const;
const TRANSPORTS = ['multicast', 'unicast'] as const;
const AUTHENTICATIONS = ['none', 'PASS'] as const;
const MACS = ['own', 'virtual'] as const;
const PREEMPTION = [true, false] as const;
const STRENGTHS = [
  { priorities: 'ours higher', stronger: 'ours' },
  { priorities: 'theirs higher', stronger: 'theirs' },
  { priorities: 'equal', stronger: 'ours' },
  { priorities: 'equal', stronger: 'theirs' },
] as const;

/** Combinations that do not exist, each by one rule: of the protocol, or of the peer. */
const RULES: readonly { readonly leavesOut: (cell: Cell) => boolean; readonly because: string }[] = [
  { leavesOut: ({ version, family }) => version === 2 && family === 6, because: 'version 2 is for IPv4 alone' },
  {
    leavesOut: ({ version, authentication }) => version === 3 && authentication !== 'none',
    because: 'version 3 has no authentication',
  },
  { leavesOut: ({ peer, transport }) => peer === 'FRR' && transport === 'unicast', because: 'FRR has no unicast' },
  {
    leavesOut: ({ transport, mac }) => transport === 'unicast' && mac === 'virtual',
    because: 'unicast never comes from a virtual MAC',
  },
  {
    leavesOut: ({ peer, authentication }) => peer === 'FRR' && authentication !== 'none',
    because: 'FRR has no authentication',
  },
];

function everyCombination(): Cell[] {
  return PEERS.flatMap((peer) =>
    VERSIONS.flatMap((version) =>
      FAMILIES.flatMap((family) =>
        TRANSPORTS.flatMap((transport) =>
          AUTHENTICATIONS.flatMap((authentication) =>
            MACS.flatMap((mac) =>
              STRENGTHS.flatMap((strength) =>
                PREEMPTION.map(
                  (preempt): Cell => ({
                    ...{ peer, version, family, transport, authentication, mac, preempt },
                    ...strength,
                  }),
                ),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

/** The matrix, without what the rules leave out. */
export const CELLS: readonly Cell[] = everyCombination().filter(
  (cell) => !RULES.some(({ leavesOut }) => leavesOut(cell)),
);

/** How many combinations each rule leaves out that no earlier rule has. */
export function leftOut(): { readonly because: string; readonly combinations: number }[] {
  let rest = everyCombination();
  return RULES.map(({ leavesOut, because }) => {
    const kept = rest.filter((cell) => !leavesOut(cell));
    const combinations = rest.length - kept.length;
    rest = kept;
    return { because, combinations };
  });
}

export function other(side: Side): Side {
  return side === 'ours' ? 'theirs' : 'ours';
}

/** Who owns when the stronger one has come back after a stop in order (RFC 9568 section 6.4.2). */
export function ownerAfterReturn({ preempt, priorities, stronger }: Cell): Side {
  return preempt && priorities !== 'equal' ? stronger : other(stronger);
}
