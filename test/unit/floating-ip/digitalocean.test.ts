import { describe, expect, it, onTestFinished } from 'vitest';
import type { NumberedServerFloatingIpConfig } from '../../../agent/config/index.ts';
import { ApiClient } from '../../../agent/floating-ip/api-client.ts';
import { digitalOcean } from '../../../agent/floating-ip/digitalocean.ts';
import type { FloatingIpProvider } from '../../../agent/floating-ip/provider.ts';
import { type DigitalOcean, error, start, TOKEN } from '../../cloud/digitalocean.ts';
import { json } from '../../cloud/stand-in.ts';
import { callOf, during, IMPATIENT, openClient, requestsOf } from './calls.ts';

const IP = '203.0.113.10';
const TOKEN_FILE = '/etc/tiebreak/do.token';

function providerOf(
  { url }: { url: string },
  overrides: Partial<NumberedServerFloatingIpConfig> = {},
  token = TOKEN,
  client = openClient(),
): FloatingIpProvider {
  const config: NumberedServerFloatingIpConfig = {
    provider: 'digitalocean',
    address: IP,
    url,
    metadataUrl: url,
    verifyIntervalMs: 30_000,
    tokenFile: TOKEN_FILE,
    server: null,
    ...overrides,
  };
  return digitalOcean(config, token, client, IMPATIENT);
}

const notMetadata = ({ path }: { path: string }): boolean => path.startsWith('/v2/');

describe('where the address is', () => {
  it('is asked of the API, with the token there and nowhere else; who this is, of the metadata service, once', async () => {
    const cloud = await during(start({ assignedTo: 102 }));
    const provider = providerOf(cloud);
    expect(await provider.look(callOf())).toEqual({ kind: 'elsewhere', holder: 'droplet 102' });
    cloud.move(101);
    expect(await provider.look(callOf())).toEqual({ kind: 'mine' });
    cloud.move(null);
    expect(await provider.look(callOf())).toEqual({ kind: 'elsewhere', holder: null });
    const path = `GET /v2/reserved_ips/${IP}`;
    expect(requestsOf(cloud)).toEqual(['GET /metadata/v1/id', path, path, path]);
    expect(cloud.calls.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      `Bearer ${TOKEN}`,
      `Bearer ${TOKEN}`,
      `Bearer ${TOKEN}`,
    ]);
  });

  it('as the configuration says who this is, without the metadata service', async () => {
    const cloud = await during(start({ assignedTo: 102 }));
    expect(await providerOf(cloud, { server: '102' }).look(callOf())).toEqual({ kind: 'mine' });
    expect(requestsOf(cloud)).toEqual([`GET /v2/reserved_ips/${IP}`]);
  });

  it('of an IPv6 address', async () => {
    const address = '2001:db8::10';
    const cloud = await during(start({ address }));
    const provider = providerOf(cloud, { address });
    expect(await provider.look(callOf())).toEqual({ kind: 'elsewhere', holder: null });
    expect(await provider.assign(callOf())).toEqual({ kind: 'assigned' });
    expect(await provider.look(callOf())).toEqual({ kind: 'mine' });
    expect(requestsOf(cloud).slice(1)).toEqual([
      `GET /v2/reserved_ipv6/${address}`,
      `POST /v2/reserved_ipv6/${address}/actions`,
      'GET /v2/actions/72531000',
      `GET /v2/reserved_ipv6/${address}`,
    ]);
  });

  it('is not known if the token may not see droplets', async () => {
    const cloud = await during(start({ showsDroplets: false }));
    expect(await providerOf(cloud).look(callOf())).toMatchObject({
      retryable: false,
      text: `the token in ${TOKEN_FILE} lacks the scope droplet:read`,
    });
  });

  it('is not known without the number of this droplet', async () => {
    const cloud = await during(start({ droplets: [] }));
    expect(await providerOf(cloud).look(callOf())).toMatchObject({
      retryable: false,
      text: expect.stringContaining('write it: server = "…"'),
    });
    expect(requestsOf(cloud)).toEqual(['GET /metadata/v1/id']);
  });
});

describe('an assignment', () => {
  it('is asked for once, and waited for', async () => {
    const cloud = await during(start({ assignedTo: 102, actionMs: 60 }));
    expect(await providerOf(cloud).assign(callOf())).toEqual({ kind: 'assigned' });
    expect(cloud.assignedTo).toBe(101);
    const posts = cloud.calls.filter(({ method }) => method === 'POST');
    expect(posts.map(({ body }) => JSON.parse(body))).toEqual([{ type: 'assign', droplet_id: 101 }]);
    expect(requestsOf(cloud).at(-1)).toBe(`GET /v2/reserved_ips/${IP}/actions/72531000`);
    expect(requestsOf(cloud).length).toBeGreaterThan(3);
  });

  it('that never ends is given up', async () => {
    const cloud = await during(start({ actionMs: Number.POSITIVE_INFINITY }));
    expect(await providerOf(cloud).assign(callOf())).toMatchObject({
      retryable: true,
      text: 'the cloud is still at it after 0.1 s',
    });
  });

  it('that fails at the cloud is said so', async () => {
    const cloud = await during(start());
    cloud.fail(
      json(201, { action: { id: 5, status: 'errored', type: 'assign_ip' } }),
      1,
      ({ method }) => method === 'POST',
    );
    expect(await providerOf(cloud).assign(callOf())).toMatchObject({
      retryable: true,
      text: `DigitalOcean could not assign ${IP} (action 5): see its control panel`,
    });
  });

  it('finds another one under way, and may be tried again', async () => {
    const cloud = await during(start({ actionMs: 60_000, droplets: [101, 102] }));
    const first = callOf();
    const other = providerOf(cloud, { server: '102' }).assign(first);
    while (cloud.assignments.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await providerOf(cloud).assign(callOf())).toMatchObject({
      retryable: true,
      text: 'DigitalOcean answers HTTP 422: The IP already has a pending event.',
    });
    first.abort();
    await other;
  });

  it.each([0, 1, 2])('sends no request more once the node owns no longer: after %i', async (times) => {
    const cloud = await during(start({ actionMs: 50 }));
    const result = await providerOf(cloud).assign(callOf(times));
    expect(result).toMatchObject({ kind: 'failed', text: expect.stringContaining('does not own the group any more') });
    expect(cloud.calls).toHaveLength(times);
  });

  it('that is abandoned ends at once, in the middle of an answer too', async () => {
    const cloud = await during(start());
    cloud.fail({ status: 200, body: '', delayMs: 60_000 }, 1, notMetadata);
    const call = callOf();
    const result = providerOf(cloud).assign(call);
    while (cloud.calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    call.abort();
    expect(await result).toMatchObject({ kind: 'failed' });
  });
});

describe('what goes wrong', () => {
  const HOUR_MS = 3_600_000;
  const date = 'Thu, 26 Nov 2026 20:00:00 GMT';
  const inFiveMinutes = String(Date.parse(date) / 1_000 + 300);

  it.each<[string, Parameters<typeof error>, { retryable: boolean; afterMs?: number | null; text: string }]>([
    [
      'a token that is void',
      [401, 'unauthorized', 'Unable to authenticate you.'],
      {
        retryable: false,
        text: `DigitalOcean answers HTTP 401: Unable to authenticate you.; put a valid token into ${TOKEN_FILE} and restart the agent`,
      },
    ],
    [
      'a scope that is missing',
      [403, 'forbidden', 'You are not authorized.'],
      { retryable: false, text: 'reserved_ip:update' },
    ],
    [
      'no such address',
      [404, 'not_found', 'The resource could not be found.'],
      { retryable: false, text: `is the reserved IP ${IP} of` },
    ],
    ['a conflict', [409, 'conflict', 'Try again.'], { retryable: true, text: 'HTTP 409' }],
    [
      'a request that cannot be',
      [422, 'unprocessable_entity', 'Droplet is in another region.'],
      { retryable: false, text: 'another region' },
    ],
    ['a lock', [423, 'locked', 'The droplet is locked.'], { retryable: true, text: 'HTTP 423' }],
    [
      'the burst limit',
      [
        429,
        'too_many_requests',
        'API rate limit exceeded.',
        { date, 'retry-after': '29', 'ratelimit-reset': inFiveMinutes },
      ],
      { retryable: true, afterMs: 29_000, text: 'HTTP 429: API rate limit exceeded.' },
    ],
    [
      'the hourly limit',
      [429, 'too_many_requests', 'API rate limit exceeded.', { date, 'ratelimit-reset': inFiveMinutes }],
      { retryable: true, afterMs: 300_000, text: 'HTTP 429' },
    ],
    [
      'a limit without sense',
      [429, 'too_many_requests', 'Enough.', { date, 'retry-after': '999999999' }],
      { retryable: true, afterMs: HOUR_MS, text: 'HTTP 429' },
    ],
    [
      'an error of its own',
      [500, 'server_error', 'Unexpected server-side error'],
      { retryable: true, text: 'HTTP 500' },
    ],
    ['maintenance', [503, 'service_unavailable', 'Down.'], { retryable: true, text: 'HTTP 503' }],
  ])('%s', async (_what, reply, expected) => {
    const cloud = await during(start());
    cloud.fail(error(...reply), 2, notMetadata);
    const provider = providerOf(cloud);
    const wanted = { kind: 'failed', ...expected, text: expect.stringContaining(expected.text) };
    expect(await provider.look(callOf())).toMatchObject(wanted);
    expect(await provider.assign(callOf())).toMatchObject(wanted);
  });

  it.each([
    ['no JSON', '<html>'],
    ['another JSON', '{"reserved_ip":{"droplet":7}}'],
    ['nothing', ''],
  ])('an answer that is %s', async (_what, body) => {
    const cloud = await during(start());
    cloud.fail({ status: 200, body }, 1, notMetadata);
    expect(await providerOf(cloud).look(callOf())).toMatchObject({
      retryable: true,
      text: expect.stringContaining("something that is not of its API; is 'url' right?"),
    });
  });

  it('an answer that is too large', async () => {
    const cloud = await during(start());
    cloud.fail({ status: 200, body: 'x'.repeat(1_100_000) }, 1, notMetadata);
    expect(await providerOf(cloud).look(callOf())).toMatchObject({
      retryable: true,
      text: expect.stringContaining('no answer'),
    });
  });

  it('a redirection, which would carry the token to another place', async () => {
    const [cloud, other] = [await during(start()), await during(start())];
    const headers = { location: `${other.url}/v2/reserved_ips/${IP}` };
    cloud.fail({ status: 302, body: '', headers }, 1, notMetadata);
    expect(await providerOf(cloud).look(callOf())).toMatchObject({
      retryable: false,
      text: expect.stringContaining('redirection (HTTP 302)'),
    });
    expect(other.calls).toEqual([]);
  });

  it.each([
    ['before its first byte', { delayMs: 60_000 }],
    ['before its last byte', { headers: { 'content-length': '1000' } }],
  ])('an answer that stops %s', async (_what, how) => {
    const cloud = await during(start());
    cloud.fail({ status: 200, body: '{', ...how }, 1, notMetadata);
    const client = new ApiClient(50);
    onTestFinished(() => client.close());
    expect(await providerOf(cloud, {}, TOKEN, client).look(callOf())).toMatchObject({
      retryable: true,
      text: `no answer from ${new URL(cloud.url).host} within 0.05 s`,
    });
  });

  it('nobody there', async () => {
    const cloud: DigitalOcean = await start();
    await cloud.close();
    expect(await providerOf(cloud, { server: '101' }).look(callOf())).toMatchObject({
      retryable: true,
      text: `no answer from ${new URL(cloud.url).host}: ECONNREFUSED`,
    });
  });

  it('a cloud that quotes the token: it is not passed on', async () => {
    const cloud = await during(start());
    cloud.fail(error(400, 'bad_request', `bad header: Bearer ${TOKEN}\u001b[31m\n\nsee`), 1, notMetadata);
    expect(await providerOf(cloud).look(callOf())).toMatchObject({
      text: 'DigitalOcean answers HTTP 400: bad header: Bearer [secret][31m see',
    });
  });
});
