import { describe, expect, it } from 'vitest';
import type { AwsFloatingIpConfig, AwsFloatingIpKind } from '../../../agent/config/index.ts';
import { aws } from '../../../agent/floating-ip/aws.ts';
import type { FloatingIpProvider } from '../../../agent/floating-ip/provider.ts';
import { type Aws, error, ROLE_KEYS, start } from '../../cloud/aws.ts';
import { callOf, during, openClient, requestsOf } from './calls.ts';

const EIP = '203.0.113.30';
const ELASTIC_IP: AwsFloatingIpKind = { kind: 'elastic_ip', privateAddress: null };
const ENI: AwsFloatingIpKind = { kind: 'eni' };
const ROUTE: AwsFloatingIpKind = {
  kind: 'route',
  routeTables: ['rtb-00000001', 'rtb-00000002'],
  destination: '10.9.9.9/32',
};

function providerOf(
  { url }: { url: string },
  kind: AwsFloatingIpKind,
  overrides: Partial<Pick<AwsFloatingIpConfig, 'region' | 'networkInterface'>> = {},
  keys: Parameters<typeof aws>[1] = null,
): FloatingIpProvider {
  const base = { provider: 'aws', url, metadataUrl: url, verifyIntervalMs: 30_000, credentialsFile: null } as const;
  const address = kind.kind === 'elastic_ip' ? EIP : '10.9.9.9';
  const config: AwsFloatingIpConfig = { ...base, address, region: null, networkInterface: null, ...overrides, ...kind };
  return aws(config, keys, openClient());
}

const isEc2 = ({ path }: { path: string }): boolean => path === '/';

/** What the last request for `action` asked for, in addition to the action and the version. */
function parametersOf(cloud: Aws, action: string): Record<string, string> {
  const forms = cloud.calls.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));
  const { Action, Version, ...parameters } = forms.findLast((form) => form.Action === action) ?? {};
  expect([Action, Version]).toEqual([action, '2016-11-15']);
  return parameters;
}

describe.each([
  ['an Elastic IP', ELASTIC_IP, 'DescribeAddresses', 'AssociateAddress'],
  ['a secondary private address', ENI, 'DescribeNetworkInterfaces', 'AssignPrivateIpAddresses'],
])('%s', (_what, kind, look, assign) => {
  it('is looked for and assigned with the keys of the role, each signed, once', async () => {
    const cloud = await during(start({ assignedTo: 'eni-0000000b' }));
    const provider = providerOf(cloud, kind);
    expect(await provider.look(callOf())).toEqual({ kind: 'elsewhere', holder: 'i-0000000b' });
    expect(await provider.assign(callOf())).toEqual({ kind: 'assigned' });
    expect(cloud.assignedTo).toBe('eni-0000000a');
    expect(await provider.look(callOf())).toEqual({ kind: 'mine' });
    expect(cloud.actions()).toEqual([look, assign, look]);
    // Where this is, and the keys: asked once.
    expect(requestsOf(cloud).filter((line) => line === 'PUT /latest/api/token')).toHaveLength(2);
  });

  it('that nobody has', async () => {
    const cloud = await during(start());
    const provider = providerOf(cloud, kind);
    expect(await provider.look(callOf())).toEqual({ kind: 'elsewhere', holder: null });
    expect(await provider.assign(callOf())).toEqual({ kind: 'assigned' });
    expect(await provider.look(callOf())).toEqual({ kind: 'mine' });
  });
});

it('an Elastic IP goes to this network interface, from whoever has it', async () => {
  const cloud = await during(start({ assignedTo: 'eni-0000000b' }));
  const provider = providerOf(cloud, ELASTIC_IP);
  await provider.look(callOf());
  await provider.assign(callOf());
  expect(parametersOf(cloud, 'AssociateAddress')).toEqual({
    AllocationId: 'eipalloc-1',
    NetworkInterfaceId: 'eni-0000000a',
    AllowReassociation: 'true',
  });
});

it('an Elastic IP at another private address of this network interface is not there yet', async () => {
  const cloud = await during(start({ assignedTo: 'eni-0000000a' }));
  const provider = providerOf(cloud, { kind: 'elastic_ip', privateAddress: '10.0.0.100' });
  expect(await provider.look(callOf())).toEqual({ kind: 'elsewhere', holder: '10.0.0.5' });
  await provider.assign(callOf());
  expect(parametersOf(cloud, 'AssociateAddress')).toMatchObject({ PrivateIpAddress: '10.0.0.100' });
});

it('a private address is searched for by itself, and taken from whoever has it', async () => {
  const cloud = await during(start({ assignedTo: 'eni-0000000b' }));
  const provider = providerOf(cloud, ENI);
  await provider.look(callOf());
  await provider.assign(callOf());
  expect(parametersOf(cloud, 'DescribeNetworkInterfaces')).toEqual({
    'Filter.1.Name': 'addresses.private-ip-address',
    'Filter.1.Value.1': '10.9.9.9',
  });
  expect(parametersOf(cloud, 'AssignPrivateIpAddresses')).toEqual({
    NetworkInterfaceId: 'eni-0000000a',
    'PrivateIpAddress.1': '10.9.9.9',
    AllowReassignment: 'true',
  });
});

describe('a route', () => {
  it('is replaced once in each table in which it leads elsewhere', async () => {
    const cloud = await during(start({ assignedTo: 'eni-0000000b' }));
    const provider = providerOf(cloud, ROUTE);
    expect(await provider.look(callOf())).toEqual({ kind: 'elsewhere', holder: 'i-0000000b' });
    expect(await provider.assign(callOf())).toEqual({ kind: 'assigned' });
    expect(await provider.look(callOf())).toEqual({ kind: 'mine' });
    expect(cloud.actions()).toEqual(['DescribeRouteTables', 'ReplaceRoute', 'ReplaceRoute', 'DescribeRouteTables']);
    expect(parametersOf(cloud, 'ReplaceRoute')).toEqual({
      RouteTableId: 'rtb-00000002',
      DestinationCidrBlock: '10.9.9.9/32',
      NetworkInterfaceId: 'eni-0000000a',
    });
  });

  it('that failed in one table is repaired in that one alone', async () => {
    const cloud = await during(start({ assignedTo: 'eni-0000000b' }));
    const provider = providerOf(cloud, ROUTE);
    await provider.look(callOf());
    const second = ({ body }: { body: string }): boolean =>
      body.includes('ReplaceRoute') && body.includes('rtb-00000002');
    cloud.fail(error(503, 'RequestLimitExceeded', 'Request limit exceeded.'), 1, second);
    expect(await provider.assign(callOf())).toMatchObject({ kind: 'failed', retryable: true });
    expect(await provider.look(callOf())).toEqual({ kind: 'elsewhere', holder: 'i-0000000b' });
    await provider.assign(callOf());
    expect(cloud.actions().slice(-1)).toEqual(['ReplaceRoute']);
    expect(cloud.actions().filter((action) => action === 'ReplaceRoute')).toHaveLength(3);
    expect(await provider.look(callOf())).toEqual({ kind: 'mine' });
  });

  it('that is in no table has to be made by a person', async () => {
    const cloud = await during(start({ destination: '10.8.8.8/32' }));
    expect(await providerOf(cloud, ROUTE).look(callOf())).toMatchObject({
      retryable: false,
      text: "rtb-00000001, rtb-00000002 has no route to 10.9.9.9/32: add it once, to either node's interface",
    });
  });

  it('stops between two tables once the node owns no longer', async () => {
    const cloud = await during(start({ assignedTo: 'eni-0000000b' }));
    const provider = providerOf(cloud, ROUTE);
    await provider.look(callOf());
    expect(await provider.assign(callOf(1))).toMatchObject({ kind: 'failed' });
    expect(cloud.actions()).toEqual(['DescribeRouteTables', 'ReplaceRoute']);
  });
});

describe('who this is', () => {
  it('needs no metadata service if the configuration says all of it', async () => {
    const cloud = await during(start({ assignedTo: 'eni-0000000b' }));
    const place = { region: 'eu-central-1', networkInterface: 'eni-0000000b' };
    const provider = providerOf(cloud, ELASTIC_IP, place, { kind: 'aws', ...ROLE_KEYS });
    expect(await provider.look(callOf())).toEqual({ kind: 'mine' });
    expect(requestsOf(cloud)).toEqual(['POST /']);
  });

  it('an instance without a role is told so', async () => {
    const cloud = await during(start({ hasRole: false }));
    expect(await providerOf(cloud, ENI).look(callOf())).toMatchObject({
      retryable: false,
      text: expect.stringContaining('give the instance a role'),
    });
    expect(cloud.actions()).toEqual([]);
  });

  it('keys that are about to expire are asked for anew', async () => {
    const cloud = await during(start({ roleKeysLiveMs: 60_000 }));
    const provider = providerOf(cloud, ENI);
    await provider.look(callOf());
    await provider.look(callOf());
    expect(requestsOf(cloud).filter((line) => line.endsWith('/router'))).toHaveLength(2);
  });

  it('keys that EC2 refuses are asked for anew', async () => {
    const cloud = await during(start());
    const provider = providerOf(cloud, ENI);
    cloud.fail(error(403, 'ExpiredToken', 'The security token is expired'), 1, isEc2);
    expect(await provider.look(callOf())).toMatchObject({
      retryable: false,
      text: expect.stringContaining('clock right'),
    });
    expect(await provider.look(callOf())).toMatchObject({ kind: 'elsewhere' });
    expect(requestsOf(cloud).filter((line) => line.endsWith('/router'))).toHaveLength(2);
  });

  it('no EC2 instance', async () => {
    const cloud = await during(start());
    cloud.fail({ status: 404, body: '' }, 1);
    expect(await providerOf(cloud, ENI).look(callOf())).toMatchObject({
      retryable: false,
      text: expect.stringContaining('gives no token (HTTP 404)'),
    });
  });

  it.each([0, 1, 3, 4, 7])('sends no request more once the node owns no longer: after %i', async (times) => {
    const cloud = await during(start());
    expect(await providerOf(cloud, ENI).look(callOf(times))).toMatchObject({ kind: 'failed', retryable: true });
    expect(cloud.calls).toHaveLength(times);
    expect(cloud.actions()).toEqual([]);
  });
});

describe('what goes wrong', () => {
  it.each<[string, Parameters<typeof error>, { retryable: boolean; text: string }]>([
    [
      'a permission that is missing',
      [403, 'UnauthorizedOperation', 'You are not authorized to perform this operation.'],
      { retryable: false, text: 'the role or user needs the permission ec2:DescribeAddresses' },
    ],
    [
      'a signature that does not match',
      [403, 'SignatureDoesNotMatch', 'no'],
      { retryable: false, text: "this host's clock" },
    ],
    [
      'an address of nobody',
      [400, 'InvalidAddress.NotFound', "Address '203.0.113.30' not found."],
      { retryable: false, text: 'not found' },
    ],
    [
      'too many requests',
      [503, 'RequestLimitExceeded', 'Request limit exceeded.'],
      { retryable: true, text: 'RequestLimitExceeded' },
    ],
    [
      'too many requests, as newer services say it',
      [400, 'ThrottlingException', 'Rate'],
      { retryable: true, text: 'Throttling' },
    ],
    [
      'an instance that is not ready',
      [409, 'IncorrectState', 'not ready'],
      { retryable: true, text: 'IncorrectState' },
    ],
    [
      'an error of its own',
      [500, 'InternalError', 'An internal error has occurred'],
      { retryable: true, text: 'HTTP 500' },
    ],
  ])('%s', async (_what, reply, expected) => {
    const cloud = await during(start());
    cloud.fail(error(...reply), 1, isEc2);
    const wanted = { kind: 'failed', ...expected, text: expect.stringContaining(expected.text) };
    expect(await providerOf(cloud, ELASTIC_IP).look(callOf())).toMatchObject(wanted);
  });

  it.each([
    ['no XML', 'nonsense'],
    ['XML of another kind', '<DescribeAddressesResponse><x/></DescribeAddressesResponse>'],
    [
      'XML with a type of its own',
      '<!DOCTYPE a [<!ENTITY b "c">]><DescribeAddressesResponse><addressesSet/></DescribeAddressesResponse>',
    ],
    ['nothing', ''],
  ])('an answer that is %s', async (_what, body) => {
    const cloud = await during(start());
    cloud.fail({ status: 200, body }, 1, isEc2);
    expect(await providerOf(cloud, ELASTIC_IP).look(callOf())).toMatchObject({
      retryable: true,
      text: 'EC2 answers DescribeAddresses with something that is not of its API',
    });
  });

  it('EC2 that quotes the secret key: it is not passed on', async () => {
    const cloud = await during(start());
    const wrong = { kind: 'aws', ...ROLE_KEYS, sessionToken: null } as const;
    const result = await providerOf(cloud, ENI, {}, wrong).look(callOf());
    expect(result).toMatchObject({ text: expect.stringContaining('no match: [secret]') });
    expect(JSON.stringify(result)).not.toContain(ROLE_KEYS.secretAccessKey);
  });
});
