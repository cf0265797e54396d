import type { Analysis } from './analysis.ts';
import {
  cutOffFromBoth,
  engineKilled,
  type Fault,
  frozen,
  hostLost,
  linkCut,
  oneDirectionCut,
  plannedHandover,
  plannedStop,
  witnessSilent,
} from './faults.ts';
import type { Laboratory } from './laboratory.ts';
import type { HostName } from './topology.ts';

export type Expectation = 'stays' | 'moves';

export type DemoRow = {
  readonly title: string;
  /** What is being broken, for the line that is shown meanwhile. */
  readonly breaking: (owner: HostName) => string;
  readonly mustHappen: string;
  readonly expectation: Expectation;
  /** undefined: this system has no such part. */
  readonly fault: (lab: Laboratory, owner: HostName) => Fault | undefined;
  readonly holdMs: number;
  readonly heal: boolean;
};

const STAYS = 'the address stays, nothing is lost';
const MOVES = 'the other host takes over';

/**
 * In an order in which no row waits for what a former one left: cuts and freezes need no restart, so they come first;
 * a killed engine and a planned stop lead to a start with its wait of up to 10 s, a lost host ends the demo.
 */
export const DEMO_ROWS: readonly DemoRow[] = [
  {
    title: 'link between the hosts cut',
    breaking: () => 'the hosts no longer hear each other; the client reaches both',
    mustHappen: STAYS,
    expectation: 'stays',
    fault: ({ topology }) => linkCut(topology),
    holdMs: 4_000,
    heal: true,
  },
  {
    title: 'one direction of the link cut',
    breaking: (owner) => `what host ${owner} sends to its peer is lost, the way back works`,
    mustHappen: STAYS,
    expectation: 'stays',
    fault: ({ topology }, owner) => oneDirectionCut(topology, owner),
    holdMs: 4_000,
    heal: true,
  },
  {
    title: 'owner frozen, then thawed',
    breaking: (owner) => `the processes of host ${owner} stand still, its kernel does not`,
    mustHappen: MOVES,
    expectation: 'moves',
    fault: ({ topology }, owner) => frozen(topology, owner),
    holdMs: 4_000,
    heal: true,
  },
  {
    title: 'owner cut off from peer and witness',
    breaking: (owner) => `host ${owner} reaches neither its peer nor the witness; the client reaches both hosts`,
    mustHappen: MOVES,
    expectation: 'moves',
    fault: ({ topology }, owner) => cutOffFromBoth(topology, owner),
    holdMs: 4_000,
    heal: true,
  },
  {
    title: 'witness stopped',
    breaking: () => 'the witness no longer answers anyone',
    mustHappen: STAYS,
    expectation: 'stays',
    fault: ({ system }) => (system.witness === undefined ? undefined : witnessSilent(system.witness)),
    holdMs: 6_000,
    heal: true,
  },
  {
    title: 'planned handover',
    breaking: (owner) => `host ${owner} is told to hand the address over`,
    mustHappen: MOVES,
    expectation: 'moves',
    fault: ({ system }, owner) => plannedHandover(system.agents[owner]),
    holdMs: 1_500,
    heal: true,
  },
  {
    title: 'engine of the owner killed',
    breaking: (owner) => `the deciding process of host ${owner} is killed`,
    mustHappen: MOVES,
    expectation: 'moves',
    fault: ({ system }, owner) => engineKilled(system.agents[owner]),
    holdMs: 4_000,
    heal: true,
  },
  {
    title: 'planned stop of the owner',
    breaking: (owner) => `the service on host ${owner} is stopped, then started again`,
    mustHappen: MOVES,
    expectation: 'moves',
    fault: ({ system }, owner) => plannedStop(system.agents[owner]),
    holdMs: 1_500,
    heal: true,
  },
  {
    title: 'host of the owner lost',
    breaking: (owner) => `host ${owner} has lost its power`,
    mustHappen: MOVES,
    expectation: 'moves',
    fault: ({ topology, system }, owner) => hostLost(topology, system.agents[owner]),
    holdMs: 3_000,
    heal: false,
  },
];

/** What speaks against the row, in words; empty when everything went as it must. */
export function faultsFound(expectation: Expectation, owner: HostName, analysis: Analysis): string[] {
  const found: string[] = [];
  if (analysis.twoOwnersMs > 0) found.push('two hosts answered');
  switch (expectation) {
    case 'stays':
      if (analysis.moved) found.push('the address moved');
      if (analysis.client.lost > 0) found.push('the client lost packets');
      break;
    case 'moves':
      if (analysis.changes.length !== 1 || analysis.before !== owner || analysis.after === owner) {
        found.push('the address did not move just once, to the other host');
      }
      break;
  }
  return found;
}
