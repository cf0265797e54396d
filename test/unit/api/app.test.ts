import { describe, expect, it } from 'vitest';
import type { Access } from '../../../agent/api/access.ts';
import { createApp, type Health } from '../../../agent/api/app.ts';
import { type Outcome, Status } from '../../../agent/api/index.ts';
import { ENTRY, operationsOf, SOURCES } from './sources.ts';
import { WELL } from './status-example.ts';

const SOCKET: Access = { kind: 'socket' };

function appWith(health: Health = { ok: true, detail: 'the last turn was 3 ms ago' }): ReturnType<typeof createApp> {
  return createApp({ ...SOURCES, health: () => health }, SOCKET);
}

describe('GET /v1/status', () => {
  it('gives the status as it is', async () => {
    const response = await appWith().request('/v1/status');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(Status.parse(await response.json())).toEqual(WELL);
  });
});

describe('GET /healthz', () => {
  it('is 200 while the decision loop turns', async () => {
    const response = await appWith().request('/healthz');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'ok', detail: 'the last turn was 3 ms ago' });
  });

  it('is 503 when it does not', async () => {
    const response = await appWith({ ok: false, detail: 'no turn for 2.1 s' }).request('/healthz');
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({ status: 503, detail: 'no turn for 2.1 s' });
  });
});

describe('whatever else is asked', () => {
  it.each(['/', '/v1/statuses', '/v1/groups/edge'])('%s is 404', async (path) => {
    const response = await appWith().request(path);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  });

  it.each(['POST', 'PUT', 'DELETE'])('%s is 405: this API only reads', async (method) => {
    const response = await appWith().request('/v1/status', { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  });

  it('an error of our own is 500, told to the log and not to the caller', async () => {
    const errors: Error[] = [];
    const sources = {
      ...SOURCES,
      status: () => {
        throw new Error('inner detail');
      },
      onError: (error: Error) => errors.push(error),
    };
    const app = createApp(sources, SOCKET);
    const response = await app.request('/v1/status');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('inner detail');
    expect(errors.map((error) => error.message)).toEqual(['inner detail']);
  });
});

describe('GET /v1/history', () => {
  it('gives the entries as they are', async () => {
    expect(await (await appWith().request('/v1/history')).json()).toEqual([ENTRY]);
  });
});

describe('GET /metrics', () => {
  it('gives the text as it is, with its content type', async () => {
    const response = await appWith().request('/metrics');
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    expect(await response.text()).toBe('tiebreak_healthy 1\n');
  });

  it('is for reading only', async () => {
    const response = await appWith().request('/metrics', { method: 'POST' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });

  it('hides what went wrong from the reader, and tells the agent', async () => {
    const errors: Error[] = [];
    const sources = {
      ...SOURCES,
      metrics: () => Promise.reject(new Error('inner detail')),
      onError: (error: Error) => errors.push(error),
    };
    const response = await createApp(sources, SOCKET).request('/metrics');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('inner detail');
    expect(errors.map((error) => error.message)).toEqual(['inner detail']);
  });
});

describe('writes', () => {
  const TOKEN = 'a-token-of-22-letters';

  function post(path: string, body: unknown, options: { access?: Access; outcome?: Outcome; bearer?: string } = {}) {
    const asked: unknown[][] = [];
    const operations = operationsOf(options.outcome ?? { ok: true, detail: 'done' }, asked);
    const app = createApp({ ...SOURCES, operations }, options.access ?? SOCKET);
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const headers = options.bearer === undefined ? {} : { authorization: `Bearer ${options.bearer}` };
    return { response: Promise.resolve(app.request(path, { method: 'POST', body: text, headers })), asked };
  }

  it.each([
    ['/v1/groups/edge/handover', { to: 'b' }, ['handOver', 'edge', 'b']],
    ['/v1/groups/edge/handover', {}, ['handOver', 'edge', undefined]],
    ['/v1/groups/edge/handover', '', ['handOver', 'edge', undefined]],
    [
      '/v1/groups/edge/health',
      { check: 'nginx', healthy: false, detail: '502' },
      ['reportHealth', 'edge', 'nginx', { healthy: false, detail: '502' }],
    ],
    ['/v1/maintenance', { on: true }, ['setMaintenance', true]],
    ['/v1/groups/edge/takeover', { confirm: 'edge' }, ['forceTakeover', 'edge']],
    ['/v1/groups/edge/join', { confirm: 'edge' }, ['forceJoin', 'edge']],
  ])('%s with %j', async (path, body, expected) => {
    const { response, asked } = post(path, body);
    expect((await response).status).toBe(200);
    expect(await (await response).json()).toEqual({ detail: 'done' });
    expect(asked).toEqual([expected]);
  });

  it.each([
    ['/v1/groups/edge/health', { check: 'nginx' }],
    ['/v1/groups/edge/health', { check: 'nginx', healthy: 'no' }],
    ['/v1/groups/edge/health', { check: 'nginx', healthy: true, detail: 'x'.repeat(501) }],
    ['/v1/groups/edge/handover', { too: 'b' }],
    ['/v1/groups/edge/handover', '{'],
    ['/v1/maintenance', ''],
    ['/v1/groups/edge/takeover', {}],
  ])('%s with the body %j is 400, and nothing is done', async (path, body) => {
    const { response, asked } = post(path, body);
    expect((await response).status).toBe(400);
    expect((await response).headers.get('content-type')).toBe('application/problem+json');
    expect(asked).toEqual([]);
  });

  it('a body of more than 8 KiB is 413', async () => {
    const { response, asked } = post('/v1/maintenance', { on: true, more: 'x'.repeat(9_000) });
    expect((await response).status).toBe(413);
    expect(asked).toEqual([]);
  });

  it('a takeover is forced only with the name of its group', async () => {
    const { response, asked } = post('/v1/groups/edge/takeover', { confirm: 'core' });
    expect((await response).status).toBe(409);
    expect(asked).toEqual([]);
  });

  it.each([
    ['not_found', 404],
    ['refused', 409],
  ] as const)('what is %s is %i, with the reason', async (reason, status) => {
    const { response } = post('/v1/groups/edge/handover', {}, { outcome: { ok: false, reason, detail: 'b is away' } });
    expect(await (await response).json()).toMatchObject({ status, detail: 'b is away' });
  });

  it.each([
    ['without a configured token', { kind: 'tcp', token: null } as const, TOKEN, 403],
    ['without one in the request', { kind: 'tcp', token: TOKEN } as const, undefined, 401],
    ['with a wrong one', { kind: 'tcp', token: TOKEN } as const, `${TOKEN}x`, 401],
    ['with the right one', { kind: 'tcp', token: TOKEN } as const, TOKEN, 200],
  ])('over TCP %s', async (_what, access, bearer, status) => {
    const { response, asked } = post('/v1/maintenance', { on: true }, { access, ...(bearer && { bearer }) });
    expect((await response).status).toBe(status);
    expect(asked).toHaveLength(status === 200 ? 1 : 0);
  });

  it.each(['GET', 'PUT', 'DELETE'])('%s is 405', async (method) => {
    const response = await appWith().request('/v1/maintenance', { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
  });
});
