import type { SqlStorage } from '@cloudflare/workers-types';
import type { ClusterEvent, ClusterOccurrence, EventsQuery, ReportRequest } from '@tiebreak/shared/wire';
import { EventLog } from './event-log.ts';
import type { Links } from './links.ts';
import {
  dueAtMs,
  LOST_AFTER_MS,
  type Monitor,
  type MonitorStep,
  nodeConnected,
  nodeQuiet,
  nodeReported,
  nodeRevoked,
  timePasses,
} from './monitor.ts';
import { MonitorStorage } from './monitor-storage.ts';
import { type Decided, VoteEvents } from './vote-events.ts';

/** After a node was said to be silent, its own link is looked at once more: by then it has pinged, or it is lost. */
const LOOK_AGAIN_MS = LOST_AFTER_MS + 1_000;

/** Performs what the pure core in `monitor.ts` says, and keeps the cluster's events. `nowMs` is the wall clock. */
export class ClusterMonitor {
  readonly #links: Links;
  readonly #onEvent: (event: ClusterEvent) => void;
  readonly #log: EventLog;
  readonly #storage: MonitorStorage;
  readonly #votes = new VoteEvents();
  #monitor: Monitor;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lookAgainAtMs = Number.POSITIVE_INFINITY;

  /** @param onEvent tells of each event, once it is kept */
  constructor(sql: SqlStorage, links: Links, onEvent: (event: ClusterEvent) => void, nowMs: number) {
    this.#links = links;
    this.#onEvent = onEvent;
    this.#log = new EventLog(sql);
    this.#log.open();
    this.#storage = new MonitorStorage(sql);
    this.#monitor = this.#storage.load();
    this.#lookAtLinks(nowMs);
  }

  /** Nothing is noted any more. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  get state(): Monitor {
    return this.#monitor;
  }

  page(query: EventsQuery): ReturnType<EventLog['page']> {
    return this.#log.page(query);
  }

  /** A request of that node has come. */
  heard(node: string, nowMs: number): void {
    if (this.#monitor.nodes.get(node)?.lost === false && !this.#monitor.quietSinceMs.has(node)) return;
    this.#take(nodeConnected(this.#monitor, node), nowMs);
  }

  disconnected(node: string, nowMs: number): void {
    this.#monitor = nodeQuiet(this.#monitor, node, nowMs);
    this.#arm(nowMs);
  }

  /** The answer is the last decision of that node which is known here. */
  reported(node: string, report: ReportRequest, nowMs: number): string | null {
    this.#links.hears(node, report.peers);
    const step = nodeReported(this.#monitor, node, report, nowMs);
    if (step.occurrences.some((event) => event.kind === 'hearing' && event.state === 'silent')) {
      this.#lookAgainAtMs = nowMs + LOOK_AGAIN_MS;
    }
    this.#take(step, nowMs);
    return this.#monitor.nodes.get(node)?.decided ?? null;
  }

  decided(decided: Decided, nowMs: number): void {
    this.#note(this.#votes.of(decided, nowMs), nowMs);
  }

  credential(node: string, action: 'issued' | 'replaced' | 'revoked', nowMs: number): void {
    if (action === 'revoked') this.#take({ monitor: nodeRevoked(this.#monitor, node), occurrences: [] }, nowMs);
    this.#note([{ kind: 'credential', node, action }], nowMs);
  }

  health(report: Omit<Extract<ClusterOccurrence, { kind: 'health' }>, 'kind'>, nowMs: number): void {
    this.#note([{ kind: 'health', ...report }], nowMs);
  }

  #take({ monitor, occurrences }: MonitorStep, nowMs: number): void {
    this.#storage.save(this.#monitor, monitor);
    this.#monitor = monitor;
    this.#note(occurrences, nowMs);
    this.#arm(nowMs);
  }

  #note(occurrences: readonly ClusterOccurrence[], nowMs: number): void {
    for (const occurrence of occurrences) this.#onEvent(this.#log.add(occurrence, nowMs));
  }

  /** Of a link that is gone nobody knows when it was heard last; of one that is silent it is known. */
  #lookAtLinks(nowMs: number): void {
    const heardAtMs = this.#links.heardAt();
    for (const node of this.#monitor.nodes.keys()) {
      const atMs = heardAtMs.get(node);
      if (atMs === undefined) this.#monitor = nodeQuiet(this.#monitor, node, nowMs);
      else if (nowMs - atMs >= LOST_AFTER_MS) this.#monitor = nodeQuiet(this.#monitor, node, atMs);
    }
    this.#arm(nowMs);
  }

  #arm(nowMs: number): void {
    clearTimeout(this.#timer);
    const atMs = Math.min(dueAtMs(this.#monitor), this.#lookAgainAtMs);
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#due(Date.now()), Math.max(0, atMs - nowMs));
  }

  #due(nowMs: number): void {
    if (nowMs >= this.#lookAgainAtMs) {
      this.#lookAgainAtMs = Number.POSITIVE_INFINITY;
      this.#lookAtLinks(nowMs);
    }
    this.#take(timePasses(this.#monitor, nowMs), nowMs);
  }
}
