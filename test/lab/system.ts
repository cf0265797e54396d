import type { HostName } from './topology.ts';

/** The high-availability program on one host, whichever it is. Faults act on it and on the network, on nothing else. */
export interface Agent {
  readonly host: HostName;
  readonly running: boolean;
  /** Starts the program; returns when its process runs, not when it is ready. */
  start(): Promise<void>;
  /** A planned stop: SIGTERM to the program, as its service manager does. Returns when it has ended, within 10 s. */
  terminate(): Promise<void>;
  /** What the loss of power takes from the program: everything that it keeps in memory alone. Its processes must be gone. */
  losePower(): void;
  /** The process that decides, without the process that watches over it. */
  enginePid(): Promise<number>;
  /** The process that watches over it, and that its service manager knows. */
  watcherPid(): number;
  /** Hands the address to the other host; returns when the program has taken the order or not. undefined: it has none. */
  readonly handOver: (() => Promise<Order>) | undefined;
  /** Tells the program what a check of `Scenario.pushCheck` has found; returns when it has been told. */
  reportHealth(check: string, healthy: boolean): Promise<void>;
  /** The program's own words, for the report of a failed test. */
  log(): string;
}

/** What became of an operator's order. */
export type Order = { readonly taken: true } | { readonly taken: false; readonly reason: string };

/** What both systems are asked to do, in the same words. */
export type Scenario = {
  readonly advertisementIntervalMs: number;
  /** tiebreak's; keepalived knows `vrrp` alone. Without: `lease`. */
  readonly mode?: 'lease' | 'vrrp';
  readonly priority: Readonly<Record<HostName, number>>;
  readonly virtualRouterId: number;
  /** How long a promise the backup gives while the witness is away (tiebreak's policy `bias`). */
  readonly biasPromiseMs: number;
  /** A service check of this name whose outcome the lab reports itself; a failing one gives the address up. */
  readonly pushCheck?: string;
  /** More checks of tiebreak's agents: the tables of each host. */
  readonly checks?: (host: HostName) => string;
};

export const DEFAULT_SCENARIO: Scenario = {
  advertisementIntervalMs: 250,
  priority: { a: 200, b: 100 },
  virtualRouterId: 33,
  // As short as can be: it binds the backup for so long after the witness is back.
  biasPromiseMs: 11_000,
};

/** RFC 9568 section 6.1: (3 x interval) + skew, skew = (256 - priority) x interval / 256. In ms. */
export function masterDownMs(scenario: Scenario, host: HostName): number {
  const skewMs = ((256 - scenario.priority[host]) * scenario.advertisementIntervalMs) / 256;
  return 3 * scenario.advertisementIntervalMs + skewMs;
}

/** One system under test on both hosts of a topology. */
export interface System {
  readonly name: 'keepalived' | 'tiebreak';
  readonly agents: Readonly<Record<HostName, Agent>>;
  /** Whether a third vote can be stopped at all. */
  readonly witness: WitnessControl | undefined;
  /** What keeps the system from its steady state (everything heard, no vote left from a former fault); undefined: nothing. */
  unsettled(): Promise<string | undefined>;
  /** The 99th percentile of a vote's round trip to the third voter in ms, as `host` measured it; undefined: none yet. */
  voteMs(host: HostName): Promise<number | undefined>;
  /** Ends everything that it started. */
  close(): Promise<void>;
}

export interface WitnessControl {
  /** Stops the witness's processes where they stand; its connections stay open and silent. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Ends the witness. */
  stop(): Promise<void>;
  /** Starts it again on the data that it left. */
  start(): Promise<void>;
}

export function other(host: HostName): HostName {
  return host === 'a' ? 'b' : 'a';
}

/** Throws where the system has none. */
export function witnessOf({ witness }: System): WitnessControl {
  if (witness === undefined) throw new Error('this system has no witness');
  return witness;
}
