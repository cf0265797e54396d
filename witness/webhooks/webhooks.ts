import { randomBytes } from 'node:crypto';
import type { SqlStorage } from '@cloudflare/workers-types';
import {
  type ClusterEvent,
  type DeliveriesPage,
  type DeliveriesQuery,
  type Delivery,
  type PutWebhook,
  WebhookKind,
  type WebhookMessage,
  type WebhookView,
} from '@tiebreak/shared/wire';
import { z } from 'zod';
import { postMessage } from './post.ts';
import { afterAttempt, type Outcome } from './retry.ts';
import { type StoredDelivery, type StoredWebhook, WebhookStorage } from './storage.ts';

const WEBHOOKS_MAX = 8;
/** For one webhook: two days of a cluster that flaps each minute. */
const WAITING_MAX = 1_000;
const KEPT_MAX = 2_000;
const AT_ONCE_MAX = 2;
/** The runtime waits for six answers at once, and lets the seventh request wait until it seems to have failed. */
const UNDER_WAY_MAX = 5;
/** By one alarm, which may make 50 requests on the free plan, and last 15 minutes: each of these takes 10 s at most. */
const STARTS_MAX = 40;
const FORMER_SECRET_MS = 24 * 3_600_000;
const SECRET_BYTES = 32;

/** Of a message that was kept, maybe by an older version. */
const Told = z.object({ data: z.object({ text: z.string() }) });

/** Who is told of a cluster's events, and what each of them was told: every message until it is taken, or for three days. */
export class Webhooks {
  readonly #storage: WebhookStorage;
  readonly #cluster: string;
  readonly #witnessId: string;
  readonly #webhooks: Map<string, StoredWebhook>;
  readonly #underWay = new Map<StoredDelivery, Promise<void>>();
  /** Their last attempt has failed: one at a time is enough to notice that they are back. */
  readonly #failing = new Set<string>();
  #startsLeft = 0;
  #dueAtMs: number;
  #stopped = false;

  constructor(sql: SqlStorage, { cluster, witnessId }: { cluster: string; witnessId: string }) {
    this.#storage = new WebhookStorage(sql);
    this.#cluster = cluster;
    this.#witnessId = witnessId;
    this.#webhooks = this.#storage.webhooks();
    this.#dueAtMs = this.#storage.nextDueAtMs();
  }

  /** When `deliver` has something to do; Infinity: not before the next event. */
  get dueAtMs(): number {
    return this.#dueAtMs;
  }

  /** A new secret each time; the former one signs too for a day. Null: there are as many as there can be. */
  put(name: string, { url, kinds }: PutWebhook, nowMs: number): { secret: string; replaced: boolean } | null {
    const known = this.#webhooks.get(name);
    if (known === undefined && this.#webhooks.size >= WEBHOOKS_MAX) return null;
    const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
    const former = known === undefined ? null : { secret: known.secret, untilMs: nowMs + FORMER_SECRET_MS };
    this.#save(name, { url, kinds, secret, former, gone: false });
    return { secret, replaced: known !== undefined };
  }

  remove(name: string): boolean {
    if (!this.#webhooks.delete(name)) return false;
    this.#storage.removeWebhook(name);
    this.#storage.giveUp(name, 'the webhook was removed');
    this.#dueAtMs = this.#storage.nextDueAtMs();
    return true;
  }

  /** For a backup, with their secrets. */
  get stored(): ReadonlyMap<string, StoredWebhook> {
    return this.#webhooks;
  }

  /** From a backup. */
  restore(name: string, { url, kinds, secret }: Pick<StoredWebhook, 'url' | 'kinds' | 'secret'>): void {
    this.#save(name, { url, kinds, secret, former: null, gone: false });
  }

  views(): WebhookView[] {
    return Array.from(this.#webhooks, ([name, { url, kinds, gone }]) => ({
      webhook: name,
      url,
      kinds: [...kinds],
      state: gone ? 'gone' : 'active',
      waiting: this.#storage.waiting(name),
    }));
  }

  /** @param path where this page was found */
  page(path: string, query: DeliveriesQuery): DeliveriesPage {
    const rows = this.#storage.page(query);
    const deliveries = rows.slice(0, query.limit).map((row) => this.#view(row));
    const last = deliveries.at(-1);
    if (rows.length <= query.limit || last === undefined) return { deliveries, older: null };
    const next = new URLSearchParams({ before: String(last.id), limit: String(query.limit) });
    if (query.webhook !== null) next.set('webhook', query.webhook);
    return { deliveries, older: `${path}?${next}` };
  }

  /** Writes down who is to be told: together with the event, so that none gets lost. */
  note(event: ClusterEvent, nowMs: number): void {
    const kind = WebhookKind.safeParse(event.event.kind);
    if (!kind.success) return;
    for (const [name, { kinds, gone }] of this.#webhooks) {
      if (gone || !kinds.includes(kind.data)) continue;
      if (this.#storage.waiting(name) >= WAITING_MAX) this.#storage.giveUp(name, `${WAITING_MAX} newer ones wait`, 1);
      this.#storage.addDelivery(name, event.id, this.#messageOf(kind.data, event), nowMs);
      this.#dueAtMs = Math.min(this.#dueAtMs, nowMs);
    }
  }

  /** Of a cluster that is no more: nobody is told anything, and nothing is written down. */
  stop(): void {
    this.#stopped = true;
  }

  /** Tells whoever is to be told by now, as many as one alarm may tell; then as `finish`. */
  async deliver(): Promise<void> {
    this.#startsLeft = STARTS_MAX;
    await this.finish();
  }

  /** Returns when nothing is under way any more. `dueAtMs` says what is left for another alarm. */
  async finish(): Promise<void> {
    this.startDue();
    while (this.#underWay.size > 0) {
      await Promise.race(this.#underWay.values());
      this.startDue();
    }
    if (this.#stopped) return;
    this.#storage.prune(KEPT_MAX);
    this.#dueAtMs = this.#storage.nextDueAtMs();
  }

  /**
   * An attempt for each that is due; of one webhook few at once, and those that fail come last and leave one to the others: none
   * which hangs holds another up.
   */
  startDue(): void {
    if (this.#stopped) return;
    const failing = (webhook: string) => this.#failing.has(webhook);
    const names = [...this.#webhooks.keys()];
    for (const webhook of [...names.filter((name) => !failing(name)), ...names.filter(failing)]) {
      const underWay = [...this.#underWay.keys()];
      const ofTheSame = underWay.filter((delivery) => delivery.webhook === webhook);
      const atOnce = failing(webhook) ? 1 : AT_ONCE_MAX;
      if (ofTheSame.length >= atOnce) continue;
      if (failing(webhook) && underWay.filter((delivery) => failing(delivery.webhook)).length >= UNDER_WAY_MAX - 1)
        return;
      for (const delivery of this.#storage.due(webhook, Date.now(), atOnce + ofTheSame.length)) {
        if (this.#startsLeft === 0 || this.#underWay.size >= UNDER_WAY_MAX) return;
        if (ofTheSame.length >= atOnce) break;
        if (ofTheSame.some(({ id }) => id === delivery.id)) continue;
        ofTheSame.push(delivery);
        this.#startsLeft -= 1;
        const attempt = this.#attempt(delivery).finally(() => this.#underWay.delete(delivery));
        this.#underWay.set(delivery, attempt);
      }
    }
  }

  async #attempt(delivery: StoredDelivery): Promise<void> {
    const webhook = this.#webhooks.get(delivery.webhook);
    if (webhook === undefined) return;
    const startedMs = Date.now();
    const { secret, former, url } = webhook;
    const secrets = former === null || former.untilMs < startedMs ? [secret] : [secret, former.secret];
    const message = { id: this.#messageId(delivery.event), text: delivery.message };
    this.#attempted(delivery.id, await postMessage(url, message, secrets, startedMs), startedMs);
  }

  /** Meanwhile the webhook may have been removed, and what waited for it given up. */
  #attempted(id: number, outcome: Outcome, startedMs: number): void {
    if (this.#stopped) return;
    const delivery = this.#storage.delivery(id);
    if (delivery === undefined) return;
    const attempts = delivery.attempts + 1;
    const verdict = afterAttempt(outcome, attempts, Date.now(), Math.random());
    if (verdict.kind === 'delivered') this.#failing.delete(delivery.webhook);
    else this.#failing.add(delivery.webhook);
    const answer = outcome.kind === 'answered' ? String(outcome.status) : outcome.reason;
    const attempted = { ...delivery, attempts, attempted_at_ms: startedMs, answer };
    switch (verdict.kind) {
      case 'delivered':
        this.#storage.saveAttempt({ ...attempted, state: 'delivered', next_at_ms: null });
        return;
      case 'again':
        if (delivery.state === 'waiting') this.#storage.saveAttempt({ ...attempted, next_at_ms: verdict.atMs });
        return;
      case 'given_up':
        this.#storage.saveAttempt({ ...attempted, state: 'given_up', next_at_ms: null });
        if (verdict.gone) this.#gone(delivery.webhook);
        return;
    }
  }

  #gone(name: string): void {
    const webhook = this.#webhooks.get(name);
    if (webhook === undefined) return;
    this.#save(name, { ...webhook, gone: true });
    this.#storage.giveUp(name, 'it wants no more messages (410)');
  }

  #save(name: string, webhook: StoredWebhook): void {
    this.#webhooks.set(name, webhook);
    this.#storage.saveWebhook(name, webhook);
  }

  #messageOf(kind: WebhookKind, event: ClusterEvent): string {
    const message: WebhookMessage = {
      type: `tiebreak.${kind}`,
      timestamp: event.at,
      data: { ...event, cluster: this.#cluster },
    };
    return JSON.stringify(message);
  }

  #messageId(event: number): string {
    return `msg_${this.#witnessId}_${event}`;
  }

  #view({
    id,
    webhook,
    event,
    message,
    state,
    attempts,
    attempted_at_ms,
    next_at_ms,
    answer,
  }: StoredDelivery): Delivery {
    return {
      id,
      webhook,
      message_id: this.#messageId(event),
      event,
      text: Told.parse(JSON.parse(message)).data.text,
      state,
      attempts,
      attempted_at: instantOf(attempted_at_ms),
      next_at: instantOf(next_at_ms),
      answer,
    };
  }
}

function instantOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
