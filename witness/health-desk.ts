import type { SqlStorage } from '@cloudflare/workers-types';
import {
  type AlertmanagerMessage,
  type AlertsTaken,
  HEALTH_DETAIL_LENGTH_MAX,
  type HealthReport,
  Name,
  type PassedHealth,
} from '@tiebreak/shared/wire';
import { z } from 'zod';
import { CallerRate, HEALTH_RATE } from './caller-rate.ts';
import type { ClusterMonitor } from './cluster-monitor.ts';
import type { Credentials } from './credentials.ts';
import { HealthReports } from './health-reports.ts';
import type { Links } from './links.ts';
import type { Voting } from './voting.ts';

/** How an alert says what it is about. */
const AlertLabels = z.object({ tiebreak_node: Name, tiebreak_group: Name, tiebreak_check: Name });

export type HealthSubject = { readonly node: string; readonly group: string };
export type HealthRefusal = 'unauthorized' | 'too_many_requests' | 'unknown_node' | 'unknown_group' | 'too_many_checks';
type Refused<Reason extends HealthRefusal> = { readonly ok: false; readonly reason: Reason };

export type HealthSurroundings = {
  readonly sql: SqlStorage;
  readonly witnessId: string;
  readonly credentials: Credentials;
  readonly links: Links;
  readonly monitor: ClusterMonitor;
  readonly voting: Voting;
};

/** Takes what outside monitors say of the services of nodes, and passes it on to those nodes. No vote hangs on it. */
export class HealthDesk {
  readonly #around: HealthSurroundings;
  readonly #reports: HealthReports;
  readonly #rate = new CallerRate(HEALTH_RATE);

  constructor(around: HealthSurroundings) {
    this.#around = around;
    this.#reports = new HealthReports(around.sql);
  }

  /** @param token a monitor's */
  report(
    token: string,
    subject: HealthSubject,
    report: HealthReport,
    nowMs: number,
  ): { readonly ok: true; readonly delivered: boolean } | Refused<HealthRefusal> {
    const admitted = this.#admit(token, nowMs);
    return admitted.ok ? this.#take(admitted.monitor, subject, report, nowMs) : admitted;
  }

  /** As `report`, for each alert that says what it is about. */
  alerts(
    token: string,
    { alerts }: AlertmanagerMessage,
    nowMs: number,
  ): { readonly ok: true; readonly taken: AlertsTaken } | Refused<'unauthorized' | 'too_many_requests'> {
    const admitted = this.#admit(token, nowMs);
    if (!admitted.ok) return admitted;
    const ignored: AlertsTaken['ignored'] = [];
    for (const { status, labels, annotations } of alerts) {
      const { alertname = '' } = labels;
      const about = AlertLabels.safeParse(labels);
      if (!about.success) {
        ignored.push({ alert: alertname, reason: 'no_labels' });
        continue;
      }
      const { tiebreak_node: node, tiebreak_group: group, tiebreak_check: check } = about.data;
      const detail = (annotations.summary ?? alertname).slice(0, HEALTH_DETAIL_LENGTH_MAX);
      const report = { check, healthy: status === 'resolved', detail };
      const taken = this.#take(admitted.monitor, { node, group }, report, nowMs);
      if (!taken.ok) ignored.push({ alert: alertname, reason: taken.reason });
    }
    return { ok: true, taken: { taken: alerts.length - ignored.length, ignored } };
  }

  /** What that node has missed while it was away. */
  tell(node: string): void {
    for (const report of this.#reports.of(node)) this.#pass(node, report);
  }

  forget(node: string): void {
    this.#reports.forget(node);
  }

  #admit(
    token: string,
    nowMs: number,
  ): { readonly ok: true; readonly monitor: string } | Refused<'unauthorized' | 'too_many_requests'> {
    const monitor = this.#around.credentials.holders.monitor.holderOf(token);
    if (monitor === null) return { ok: false, reason: 'unauthorized' };
    return this.#rate.take(monitor, nowMs) ? { ok: true, monitor } : { ok: false, reason: 'too_many_requests' };
  }

  #take(
    monitor: string,
    { node, group }: HealthSubject,
    report: HealthReport,
    nowMs: number,
  ):
    | { readonly ok: true; readonly delivered: boolean }
    | Refused<'unknown_node' | 'unknown_group' | 'too_many_checks'> {
    const { credentials, monitor: cluster, voting } = this.#around;
    if (!credentials.nodes.includes(node)) return { ok: false, reason: 'unknown_node' };
    const known = voting.voter.votes.has(group) || cluster.state.groups.has(group);
    if (!known) return { ok: false, reason: 'unknown_group' };
    const reported = this.#reports.report(node, group, report, nowMs);
    if (reported === null) return { ok: false, reason: 'too_many_checks' };
    if (reported.changed) cluster.health({ ...report, node, group, monitor }, nowMs);
    return { ok: true, delivered: this.#pass(node, reported.passed) };
  }

  #pass(node: string, report: PassedHealth): boolean {
    const { credentials, links, witnessId } = this.#around;
    const replyKey = credentials.replyKeyOf(node);
    if (replyKey === undefined) return false;
    return links.sendTo(node, replyKey.sign({ type: 'health', witness_id: witnessId, report }));
  }
}
