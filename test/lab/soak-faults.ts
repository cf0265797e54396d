import type { Random } from '../../agent/simulation/random.ts';
import {
  addressesFlushed,
  cutOffFromBoth,
  cutOffFromWitness,
  engineFrozen,
  engineKilled,
  everythingKilled,
  type Fault,
  frozen,
  hostLost,
  lanCarrierLost,
  lanLinkLost,
  linkCut,
  oneDirectionCut,
  plannedStop,
  processorsBusy,
  rulesetFlushed,
  watcherFrozen,
  watcherKilled,
  witnessSilent,
  witnessStopped,
} from './faults.ts';
import type { Laboratory } from './laboratory.ts';
import type { Taken } from './soak-explain.ts';
import type { Agent } from './system.ts';
import type { HostName } from './topology.ts';

/** What a fault acts on. Two faults at once share none, so that each can be mended without the other. */
type Part = 'host a' | 'host b' | 'host-to-host paths' | 'witness' | 'witness paths' | 'ports' | 'processors';

export type SoakFault = {
  readonly title: string;
  readonly fault: Fault;
  readonly uses: readonly Part[];
  readonly takes: readonly Taken[];
  /** For how long after it is mended the loss may still be felt: promises that run out, a start with its waiting. */
  readonly afterMs: number;
  readonly holdMs: number;
};

type Kind = {
  /** How often, beside the others. */
  readonly weight: number;
  readonly holdMs: readonly [least: number, most: number];
  /** undefined: this system has no such part. */
  readonly make: (
    lab: Laboratory,
    host: HostName,
  ) => Pick<SoakFault, 'title' | 'uses' | 'takes' | 'afterMs'> & { readonly fault: Fault | undefined };
};

const SHORT_AFTER_MS = 5_000;
/** A start waits PROMISE_MAX (10 s); a witness that has been reset binds itself for as long. */
const START_AFTER_MS = 15_000;
const BUSY_PROGRAMS = 3;

const KINDS: readonly Kind[] = [
  {
    weight: 3,
    holdMs: [500, 8_000],
    make: ({ topology }) => onPaths('link between the hosts cut', linkCut(topology), ['link']),
  },
  {
    weight: 3,
    holdMs: [500, 8_000],
    make: ({ topology }, host) =>
      onPaths(`what ${host} sends to its peer lost`, oneDirectionCut(topology, host), ['link']),
  },
  {
    weight: 2,
    holdMs: [500, 8_000],
    make: ({ topology, system }, host) => ({
      ...onPaths(`${host} cut off from peer and witness`, cutOffFromBoth(topology, host), [
        'link',
        `witness of ${host}`,
      ]),
      uses: system.witness === undefined ? ['host-to-host paths'] : ['host-to-host paths', 'witness paths'],
    }),
  },
  {
    weight: 1,
    holdMs: [500, 8_000],
    make: ({ topology, system }, host) => ({
      title: `${host} cut off from the witness`,
      fault: system.witness === undefined ? undefined : cutOffFromWitness(topology, host),
      uses: ['witness paths'],
      takes: [`witness of ${host}`],
      afterMs: SHORT_AFTER_MS,
    }),
  },
  {
    weight: 1,
    holdMs: [500, 5_000],
    make: ({ topology }, host) => ({
      ...onHost(`LAN port of ${host} passes nothing`, host, lanLinkLost(topology, host), SHORT_AFTER_MS),
      uses: ['ports'],
    }),
  },
  {
    weight: 1,
    holdMs: [500, 5_000],
    make: ({ topology }, host) => ({
      ...onHost(`LAN carrier of ${host} lost`, host, lanCarrierLost(topology, host), SHORT_AFTER_MS),
      uses: ['ports'],
    }),
  },
  {
    weight: 4,
    holdMs: [50, 6_000],
    make: ({ topology }, host) => onHost(`host ${host} frozen`, host, frozen(topology, host), SHORT_AFTER_MS),
  },
  {
    weight: 3,
    holdMs: [50, 6_000],
    make: ({ system }, host) =>
      onHost(`engine of ${host} frozen`, host, engineFrozen(system.agents[host]), START_AFTER_MS),
  },
  {
    weight: 1,
    holdMs: [50, 6_000],
    make: ({ system }, host) => ({
      ...onHost(`guardian of ${host} frozen`, host, watcherFrozen(system.agents[host]), SHORT_AFTER_MS),
      takes: [],
    }),
  },
  {
    weight: 3,
    holdMs: [500, 4_000],
    make: ({ system }, host) =>
      onHost(`engine of ${host} killed`, host, engineKilled(system.agents[host]), START_AFTER_MS),
  },
  {
    weight: 1,
    holdMs: [500, 4_000],
    make: ({ topology, system }, host) =>
      onHost(`guardian of ${host} killed`, host, watcherKilled(topology, system.agents[host]), START_AFTER_MS),
  },
  {
    weight: 2,
    holdMs: [200, 4_000],
    make: ({ topology, system }, host) =>
      onHost(
        `engine and guardian of ${host} killed`,
        host,
        everythingKilled(topology, system.agents[host]),
        START_AFTER_MS,
      ),
  },
  {
    weight: 2,
    holdMs: [200, 4_000],
    make: ({ system }, host) =>
      onHost(`${host} stopped and started`, host, plannedStop(system.agents[host]), START_AFTER_MS),
  },
  {
    weight: 2,
    holdMs: [1_000, 5_000],
    make: ({ topology, system }, host) => ({
      ...onHost(`host ${host} lost`, host, hostLost(topology, system.agents[host]), START_AFTER_MS),
      uses: [`host ${host}`, 'ports'],
    }),
  },
  {
    weight: 2,
    holdMs: [200, 1_000],
    make: ({ system }, host) => ({
      title: `${host} told to hand over`,
      fault: orderedHandover(system.agents[host]),
      uses: [`host ${host}`],
      takes: [host],
      afterMs: SHORT_AFTER_MS,
    }),
  },
  {
    weight: 1,
    holdMs: [500, 4_000],
    make: ({ topology }, host) =>
      onHost(`ruleset of ${host} flushed`, host, rulesetFlushed(topology, host), SHORT_AFTER_MS),
  },
  {
    weight: 1,
    holdMs: [500, 4_000],
    make: ({ topology }, host) =>
      onHost(`addresses of ${host} flushed`, host, addressesFlushed(topology, host), SHORT_AFTER_MS),
  },
  {
    weight: 1,
    holdMs: [1_000, 4_000],
    make: ({ topology }, host) => ({
      title: 'processors kept busy',
      fault: processorsBusy(topology, host, BUSY_PROGRAMS),
      uses: ['processors'],
      // The lab's hosts share the machine.
      takes: ['a', 'b', 'witness of a', 'witness of b'],
      afterMs: SHORT_AFTER_MS,
    }),
  },
  {
    weight: 2,
    holdMs: [500, 10_000],
    make: ({ system }) =>
      onWitness('witness frozen', system.witness === undefined ? undefined : witnessSilent(system.witness)),
  },
  {
    weight: 2,
    holdMs: [500, 10_000],
    make: ({ system }) =>
      onWitness(
        'witness stopped and started',
        system.witness === undefined ? undefined : witnessStopped(system.witness),
      ),
  },
];

/** The next fault of the run. The same seed draws the same kinds, roles and lengths; who owns decides which host that is. */
export function drawFault(lab: Laboratory, random: Random, owner: HostName, beside?: SoakFault): SoakFault {
  for (;;) {
    const kind = drawKind(random);
    const host = random.chance(OWNER_SHARE) === (owner === 'a') ? 'a' : 'b';
    const holdMs = Math.round(random.logBetween(...kind.holdMs));
    const { fault, ...rest } = kind.make(lab, host);
    const shared = beside?.uses.some((part) => rest.uses.includes(part)) === true;
    if (fault !== undefined && !shared) return { ...rest, fault, holdMs };
  }
}

/** Most faults are worth more where they strike the owner. */
const OWNER_SHARE = 0.65;

function drawKind(random: Random): Kind {
  return random.pick(KINDS.flatMap((kind) => Array.from({ length: kind.weight }, () => kind)));
}

/** An order that is refused, by a backup or while the peer cannot take over, is good behaviour too. */
function orderedHandover({ handOver }: Agent): Fault | undefined {
  if (handOver === undefined) return undefined;
  return {
    inject: async () => {
      await handOver();
    },
    heal: async () => undefined,
  };
}

type Made = ReturnType<Kind['make']>;

function onPaths(title: string, fault: Fault, takes: readonly Taken[]): Made {
  return { title, fault, uses: ['host-to-host paths'], takes, afterMs: SHORT_AFTER_MS };
}

function onHost(title: string, host: HostName, fault: Fault, afterMs: number): Made {
  return { title, fault, uses: [`host ${host}`], takes: [host], afterMs };
}

function onWitness(title: string, fault: Fault | undefined): Made {
  return { title, fault, uses: ['witness'], takes: ['witness of a', 'witness of b'], afterMs: START_AFTER_MS };
}
