import { describe, expect, it } from 'vitest';
import type { NumberedServerFloatingIpConfig } from '../../../agent/config/index.ts';
import { hetzner } from '../../../agent/floating-ip/hetzner.ts';
import type { FloatingIpProvider } from '../../../agent/floating-ip/provider.ts';
import { error, start, TOKEN } from '../../cloud/hetzner.ts';
import { callOf, during, IMPATIENT, openClient, requestsOf } from './calls.ts';

const IP = '203.0.113.20';
const TOKEN_FILE = '/etc/tiebreak/hetzner.token';

function providerOf(
  { url }: { url: string },
  overrides: Partial<NumberedServerFloatingIpConfig> = {},
  token = TOKEN,
): FloatingIpProvider {
  const config: NumberedServerFloatingIpConfig = {
    provider: 'hetzner',
    address: IP,
    url,
    metadataUrl: url,
    verifyIntervalMs: 30_000,
    tokenFile: TOKEN_FILE,
    server: null,
    ...overrides,
  };
  return hetzner(config, token, openClient(), IMPATIENT);
}

const notMetadata = ({ path }: { path: string }): boolean => path.startsWith('/v1/');

describe('where the address is', () => {
  it('is found in the list once, then asked of the floating IP itself', async () => {
    const cloud = await during(start({ assignedTo: 202, others: 60 }));
    const provider = providerOf(cloud);
    expect(await provider.look(callOf())).toEqual({ kind: 'elsewhere', holder: 'server 202' });
    cloud.move(201);
    expect(await provider.look(callOf())).toEqual({ kind: 'mine' });
    cloud.move(null);
    expect(await provider.look(callOf())).toEqual({ kind: 'elsewhere', holder: null });
    expect(requestsOf(cloud)).toEqual([
      'GET /hetzner/v1/metadata/instance-id',
      'GET /v1/floating_ips?page=1&per_page=50',
      'GET /v1/floating_ips?page=2&per_page=50',
      'GET /v1/floating_ips/5000',
      'GET /v1/floating_ips/5000',
    ]);
  });

  it('of one address of an IPv6 network', async () => {
    const cloud = await during(start({ ip: '2001:db8:0:1::/64', assignedTo: 201 }));
    expect(await providerOf(cloud, { address: '2001:db8:0:1::5' }).look(callOf())).toEqual({ kind: 'mine' });
    expect(await providerOf(cloud, { address: '2001:db8:0:2::5' }).look(callOf())).toMatchObject({ retryable: false });
  });

  it('is not known if the project has no such address', async () => {
    const cloud = await during(start({ others: 3 }));
    expect(await providerOf(cloud, { address: '203.0.113.99' }).look(callOf())).toMatchObject({
      retryable: false,
      text: `the project of the token in ${TOKEN_FILE} has no floating IP 203.0.113.99`,
    });
  });

  it('is found again if the floating IP has another number', async () => {
    const cloud = await during(start({ assignedTo: 201 }));
    const provider = providerOf(cloud);
    await provider.look(callOf());
    cloud.renumber(7_000);
    expect(await provider.look(callOf())).toMatchObject({
      retryable: false,
      text: expect.stringContaining('HTTP 404'),
    });
    expect(await provider.look(callOf())).toEqual({ kind: 'mine' });
  });
});

describe('an assignment', () => {
  it('is asked for once, and waited for', async () => {
    const cloud = await during(start({ assignedTo: 202, actionMs: 30 }));
    const provider = providerOf(cloud);
    await provider.look(callOf());
    expect(await provider.assign(callOf())).toEqual({ kind: 'assigned' });
    expect(cloud.assignedTo).toBe(201);
    const posts = cloud.calls.filter(({ method }) => method === 'POST');
    expect(posts.map(({ path, body }) => [path, JSON.parse(body)])).toEqual([
      ['/v1/floating_ips/5000/actions/assign', { server: 201 }],
    ]);
    expect(requestsOf(cloud).at(-1)).toBe('GET /v1/actions/9000');
  });

  it('that fails at the cloud is said so', async () => {
    const cloud = await during(start());
    const provider = providerOf(cloud);
    await provider.look(callOf());
    cloud.endActionsWith('error');
    expect(await provider.assign(callOf())).toMatchObject({
      retryable: true,
      text: `Hetzner could not assign ${IP}: Action failed`,
    });
  });

  it.each([0, 1])('sends no request more once the node owns no longer: after %i', async (times) => {
    const cloud = await during(start({ actionMs: 50 }));
    const provider = providerOf(cloud);
    await provider.look(callOf());
    const before = cloud.calls.length;
    expect(await provider.assign(callOf(times))).toMatchObject({
      kind: 'failed',
      text: expect.stringContaining('does not own the group any more'),
    });
    expect(cloud.calls).toHaveLength(before + times);
  });
});

describe('what goes wrong', () => {
  const date = 'Thu, 26 Nov 2026 20:00:00 GMT';
  const inAnHour = String(Date.parse(date) / 1_000 + 3_600);

  it.each<[string, Parameters<typeof error>, { retryable: boolean; afterMs?: number | null; text: string }]>([
    [
      'a token that is void',
      [401, 'unauthorized', 'unable to authenticate'],
      {
        retryable: false,
        text: `Hetzner answers HTTP 401: unable to authenticate (unauthorized); put a valid token into ${TOKEN_FILE}`,
      },
    ],
    [
      'a token that may only read',
      [403, 'token_readonly', 'token is only allowed to read'],
      { retryable: false, text: 'Read & Write' },
    ],
    ['no such server', [404, 'not_found', 'server not found'], { retryable: false, text: "in the token's project" }],
    ['a conflict', [409, 'conflict', 'the resource has changed'], { retryable: true, text: '(conflict)' }],
    [
      'an address that is assigned just now',
      [422, 'floating_ip_assigned', 'already assigned'],
      { retryable: true, text: '(floating_ip_assigned)' },
    ],
    [
      'a request that cannot be',
      [422, 'invalid_input', 'invalid input'],
      { retryable: false, text: '(invalid_input)' },
    ],
    ['a lock', [423, 'locked', 'server is locked'], { retryable: true, text: '(locked)' }],
    [
      'the limit, whose reset is that of the whole hour',
      [429, 'rate_limit_exceeded', 'limit of 3600 requests per hour reached', { date, 'ratelimit-reset': inAnHour }],
      { retryable: true, afterMs: 60_000, text: '(rate_limit_exceeded)' },
    ],
    ['an error of its own', [500, 'server_error', 'something went wrong'], { retryable: true, text: 'HTTP 500' }],
    ['a gateway', [504, 'timeout', 'please retry'], { retryable: true, text: 'HTTP 504' }],
  ])('%s', async (_what, reply, expected) => {
    const cloud = await during(start());
    const provider = providerOf(cloud);
    const wanted = { kind: 'failed', ...expected, text: expect.stringContaining(expected.text) };
    await provider.look(callOf());
    cloud.fail(error(...reply), 1, ({ method }) => method === 'POST');
    expect(await provider.assign(callOf())).toMatchObject(wanted);
    cloud.fail(error(...reply), 1, notMetadata);
    expect(await provider.look(callOf())).toMatchObject(wanted);
  });

  it('a list that is none', async () => {
    const cloud = await during(start());
    cloud.fail({ status: 200, body: '{"floating_ips":[{"id":"x"}]}' }, 1, notMetadata);
    expect(await providerOf(cloud).look(callOf())).toMatchObject({
      retryable: true,
      text: expect.stringContaining('not of its API'),
    });
  });

  it('a cloud that quotes the token: it is not passed on', async () => {
    const cloud = await during(start());
    cloud.fail(error(400, 'bad', `token ${TOKEN} is odd`), 1, notMetadata);
    expect(await providerOf(cloud).look(callOf())).toMatchObject({
      text: 'Hetzner answers HTTP 400: token [secret] is odd (bad)',
    });
  });
});
