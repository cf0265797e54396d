import type { Status } from '../api/index.ts';
import type { TransitionCount } from './counters/index.ts';

type Counts = ReadonlyMap<string, number>;

export type RouterReading = {
  readonly interface: string;
  readonly virtualRouterId: number;
  readonly family: 'ipv4' | 'ipv6';
  readonly advertisementsSent: number;
  readonly advertisementsReceived: number;
  /** By reason, without those that have never occurred. */
  readonly advertisementsDiscarded: Counts;
  readonly addressesRestored: number;
  readonly addressesRemoved: number;
  readonly foreignClaims: number;
};

export type GroupReading = {
  readonly name: string;
  readonly transitions: readonly TransitionCount[];
  readonly takeovers: number;
  /** By reason, without those that have never occurred. */
  readonly fenceRefusals: Counts;
  /** Every configured peer; `differs` as L16 distinguishes it, null: in nothing, as far as is known. */
  readonly peers: readonly { readonly node: string; readonly differs: 'identity' | 'settings' | null }[];
  readonly routers: readonly RouterReading[];
};

export type SidebandReading = {
  readonly peer: string;
  readonly sent: number;
  readonly received: number;
  /** By reason, without those that have never occurred. */
  readonly refused: Counts;
};

export type WitnessReading = {
  readonly votesRequested: number;
  readonly votesGranted: number;
  readonly votesRefused: Counts;
  readonly linkLosses: number;
  /** By reason, every reason. */
  readonly messagesDropped: Counts;
};

/** Of this process, the engine. */
export type ProcessReading = {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** undefined: they could not be read. */
  readonly openFileDescriptors: number | undefined;
  /** Unix time. */
  readonly startTimeSeconds: number;
  /** Since the reading before; undefined: this is the first. */
  readonly eventLoopLag: { readonly p99Seconds: number; readonly maxSeconds: number } | undefined;
};

/** The agent at one moment, as far as its metrics tell of it. Counts are since the start of the engine. */
export type Reading = {
  readonly status: Status;
  /** As `GET /healthz` says. */
  readonly healthy: boolean;
  readonly engine: ProcessReading;
  /** Of engines, in the last ten minutes. */
  readonly recentCrashes: number;
  readonly historyEntries: number;
  readonly networkMonitorOverruns: number;
  readonly fenceRecreations: number;
  /** By family; undefined: there is no fence. */
  readonly hopLimitDrops: Counts | undefined;
  readonly groups: readonly GroupReading[];
  /** A peer of several links comes several times. */
  readonly sideband: readonly SidebandReading[];
  /** Datagrams that belong to no link, by reason. */
  readonly sidebandMisdirected: Counts;
  /** undefined: none is configured. */
  readonly witness: WitnessReading | undefined;
};
