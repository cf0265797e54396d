import { describe, expect, it } from 'vitest';
import { createApp, type Health } from '../../../agent/api/app.ts';
import { Status } from '../../../agent/api/index.ts';
import { WELL } from './status-example.ts';

function appWith(health: Health = { ok: true, detail: 'the last turn was 3 ms ago' }): ReturnType<typeof createApp> {
  return createApp({ status: () => WELL, health: () => health });
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
  it.each(['/', '/v1/statuses', '/v1/history'])('%s is 404', async (path) => {
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
    const app = createApp({
      status: () => {
        throw new Error('inner detail');
      },
      health: () => ({ ok: true, detail: '' }),
      onError: (error) => errors.push(error),
    });
    const response = await app.request('/v1/status');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('inner detail');
    expect(errors.map((error) => error.message)).toEqual(['inner detail']);
  });
});
