import {
  ClusterBackup,
  ClusterView,
  CreatedCluster,
  DeliveriesPage,
  Healthy,
  IssuedMonitorToken,
  IssuedToken,
  IssuedViewerToken,
  IssuedWebhook,
  type LocationHint,
  Problem,
  type PutWebhook,
  parseJson,
  WebhooksView,
} from '@tiebreak/shared/wire';
import { Agent, request } from 'undici';
import type { z } from 'zod';
import { failureText } from '../witness-link/index.ts';
import type { Access } from './access.ts';

/** The witness itself gives up after 10 s. */
const TIMEOUT_MS = 15_000;
const ANSWER_BYTES_MAX = 4_194_304;

export type Failure = {
  readonly ok: false;
  /** For a person: what is wrong and what to do. */
  readonly error: string;
  /** The problem's stable code, if the witness itself has answered. */
  readonly code: string | undefined;
  /** Whether the witness may have done what it was asked for. */
  readonly perhapsDone: boolean;
};
export type Answer<T> = { readonly ok: true; readonly value: T } | Failure;

/** Who has a token and is no node. */
export type HolderKind = 'viewer' | 'monitor';
const HOLDER_TOKENS = { viewer: IssuedViewerToken, monitor: IssuedMonitorToken } as const;

type Method = 'GET' | 'PUT' | 'DELETE';
type Raw = { readonly ok: true; readonly status: number; readonly type: string; readonly text: string } | Failure;

/** What an operator asks of a witness. Redirects are not followed: the admin token is for this one place. */
export class AdminApi {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  async createCluster(
    cluster: string,
    hint: LocationHint | undefined,
  ): Promise<Answer<{ created: boolean; witnessId: string }>> {
    const body = hint === undefined ? {} : { location_hint: hint };
    const raw = await this.#ask('PUT', pathOf(cluster), body);
    const read = this.#read(raw, CreatedCluster);
    if (!read.ok) return read;
    return { ok: true, value: { created: raw.ok && raw.status === 201, witnessId: read.value.witness_id } };
  }

  async cluster(cluster: string): Promise<Answer<ClusterView>> {
    return this.#read(await this.#ask('GET', pathOf(cluster)), ClusterView);
  }

  async issueNodeToken(cluster: string, node: string): Promise<Answer<string>> {
    return tokenOf(this.#read(await this.#ask('PUT', `${pathOf(cluster)}/nodes/${node}`), IssuedToken));
  }

  async revokeNode(cluster: string, node: string): Promise<Answer<null>> {
    return this.#done(await this.#ask('DELETE', `${pathOf(cluster)}/nodes/${node}`));
  }

  async issueHolderToken(cluster: string, kind: HolderKind, name: string): Promise<Answer<string>> {
    return tokenOf(this.#read(await this.#ask('PUT', `${pathOf(cluster)}/${kind}s/${name}`), HOLDER_TOKENS[kind]));
  }

  async revokeHolder(cluster: string, kind: HolderKind, name: string): Promise<Answer<null>> {
    return this.#done(await this.#ask('DELETE', `${pathOf(cluster)}/${kind}s/${name}`));
  }

  async putWebhook(
    cluster: string,
    name: string,
    body: z.input<typeof PutWebhook>,
  ): Promise<Answer<{ secret: string }>> {
    return this.#read(await this.#ask('PUT', `${pathOf(cluster)}/webhooks/${name}`, body), IssuedWebhook);
  }

  async removeWebhook(cluster: string, name: string): Promise<Answer<null>> {
    return this.#done(await this.#ask('DELETE', `${pathOf(cluster)}/webhooks/${name}`));
  }

  async webhooks(cluster: string): Promise<Answer<z.infer<typeof WebhooksView>>> {
    return this.#read(await this.#ask('GET', `${pathOf(cluster)}/webhooks`), WebhooksView);
  }

  async deliveries(cluster: string): Promise<Answer<DeliveriesPage>> {
    return this.#read(await this.#ask('GET', `${pathOf(cluster)}/deliveries`), DeliveriesPage);
  }

  async backup(cluster: string): Promise<Answer<ClusterBackup>> {
    return this.#read(await this.#ask('GET', `${pathOf(cluster)}/backup`), ClusterBackup);
  }

  async restore(backup: ClusterBackup, hint: LocationHint | undefined): Promise<Answer<null>> {
    const query = hint === undefined ? '' : `?location_hint=${hint}`;
    const read = this.#read(await this.#ask('PUT', `${pathOf(backup.cluster)}/backup${query}`, backup), CreatedCluster);
    return read.ok ? { ok: true, value: null } : read;
  }

  async retire(cluster: string): Promise<Answer<null>> {
    return this.#done(await this.#ask('DELETE', pathOf(cluster)));
  }

  async healthy(): Promise<Answer<null>> {
    const read = this.#read(await this.#ask('GET', '/healthz'), Healthy);
    return read.ok ? { ok: true, value: null } : read;
  }

  #done(raw: Raw): Answer<null> {
    if (!raw.ok) return raw;
    return raw.status === 204 ? { ok: true, value: null } : this.#refusal(raw);
  }

  #read<T>(raw: Raw, schema: z.ZodType<T>): Answer<T> {
    if (!raw.ok) return raw;
    if (raw.status !== 200 && raw.status !== 201) return this.#refusal(raw);
    const parsed = schema.safeParse(parseJson(raw.text));
    return parsed.success ? { ok: true, value: parsed.data } : this.#strange(raw);
  }

  #refusal(raw: Extract<Raw, { ok: true }>): Failure {
    const problem = Problem.safeParse(parseJson(raw.text));
    if (!problem.success) return this.#strange(raw);
    const { code, detail, status } = problem.data;
    const { source, url } = this.#access;
    const error =
      code === 'unauthorized'
        ? `the witness at ${url} does not accept this admin token: compare the witness with ${source}`
        : `the witness at ${url} says: ${detail}`;
    return { ok: false, error, code, perhapsDone: status >= 500 || status === 408 };
  }

  #strange({ status, type }: Extract<Raw, { ok: true }>): Failure {
    const what = type === '' ? `status ${status}` : `status ${status}, ${type}`;
    const error = `what answers at ${this.#access.url} is no witness of this version (${what}): compare the URL`;
    return { ok: false, error, code: undefined, perhapsDone: status < 300 || status >= 500 };
  }

  async #ask(method: Method, path: string, body?: unknown): Promise<Raw> {
    const { adminToken, url } = this.#access;
    const dispatcher = new Agent({ maxResponseSize: ANSWER_BYTES_MAX });
    const authorization = `Bearer ${adminToken}`;
    try {
      const answer = await request(new URL(path, url), {
        method,
        dispatcher,
        headers: body === undefined ? { authorization } : { authorization, 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const type = `${answer.headers['content-type'] ?? ''}`.split(';')[0] ?? '';
      return { ok: true, status: answer.statusCode, type, text: await answer.body.text() };
    } catch (error) {
      const name = error instanceof Error ? error.name : '';
      const text =
        name === 'TimeoutError'
          ? `no answer within ${TIMEOUT_MS / 1_000} s`
          : error instanceof Error
            ? failureText(error)
            : String(error);
      const refused = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|CERT_|ERR_TLS)/.test(text);
      const failed = `cannot reach the witness at ${url}: ${text}`;
      return { ok: false, error: failed, code: undefined, perhapsDone: !refused };
    } finally {
      await dispatcher.destroy();
    }
  }
}

function pathOf(cluster: string): string {
  return `/v1/clusters/${cluster}`;
}

function tokenOf(answer: Answer<{ token: string }>): Answer<string> {
  return answer.ok ? { ok: true, value: answer.value.token } : answer;
}
