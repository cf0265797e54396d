import { ReleaseRequest, VoteRequest, WitnessRequest } from '@tiebreak/shared/wire';
import type { Random } from '../../../agent/simulation/random.ts';
import { OPERATIONS } from '../../../witness/operations.ts';
import { spoiltBody } from './bodies.ts';
import type { RawRequest } from './http.ts';

export type Tokens = {
  readonly admin: string;
  readonly node: string;
  readonly viewer: string;
  readonly monitor: string;
};

/** The cluster whose votes are watched. The admin's token, which may do everything to it, never meets it here. */
export const VICTIM = 'victim';
const OTHERS = [
  'other',
  'another',
  'a',
  'x'.repeat(63),
  'x'.repeat(64),
  'UPPER',
  '-',
  '..',
  '%2e%2e',
  '%00',
  '%ff',
  ' ',
  '%2F',
  '',
];
const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'];
const PATHS = [
  ...OPERATIONS.map(({ path }) => path),
  '/clusters/{cluster}',
  '/clusters/{cluster}/sign-in',
  '/clusters/{cluster}/sign-out',
  '/clusters/{cluster}/events',
  '/',
  '/reference',
];
const QUERIES = [
  '?limit=1',
  '?limit=-1',
  '?limit=1e99',
  '?before=x',
  '?kind=__proto__',
  '?limit=1&limit=2',
  '?%',
  '?a[b]=c',
  `?q=${'x'.repeat(3_000)}`,
];
const TYPES = [
  'application/json',
  'text/plain',
  'multipart/form-data',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded',
  'application/json; charset=utf-16',
  'nonsense',
  '',
];
const PATH_LENGTH_MAX = 6_000;

export function spoiltRequest(random: Random, tokens: Tokens): RawRequest {
  const caller = random.pick(['admin', 'node', 'viewer', 'monitor', 'nobody', 'guesser'] as const);
  const mayMeetVictim = caller !== 'admin';
  const target = spoiltTarget(random, mayMeetVictim);
  const method = random.pick(METHODS);
  const body = method === 'GET' || method === 'HEAD' || random.chance(0.1) ? null : spoiltBody(random, GENUINE);
  const headers = spoiltHeaders(random, caller, tokens);
  // Of the victim's own node, what is well-formed may be right too: it may tell of a later serial (L14), or be fresh.
  const isGood = caller === 'node' && body !== null && isWellFormed(body);
  return { method, target, headers, body: isGood ? Buffer.from('{}') : body };
}

function spoiltTarget(random: Random, mayMeetVictim: boolean): string {
  let path = random.pick(PATHS).replaceAll(/\{(\w+)\}/g, (_, name: string) => segment(random, name, mayMeetVictim));
  if (random.chance(0.1))
    path = path.replaceAll('/', random.pick(['//', '/./', '/%2e/', '/x/../', '/x/%2e%2e/', '\\', ';/']));
  if (random.chance(0.05)) path += random.pick(['/', '/%00', '/..', '%', '%zz', '#x', '/'.repeat(100)]);
  if (random.chance(0.02)) path += 'y'.repeat(random.integer(PATH_LENGTH_MAX));
  if (random.chance(0.2)) path += random.pick(QUERIES);
  return path.replaceAll(' ', '%20');
}

function segment(random: Random, name: string, mayMeetVictim: boolean): string {
  if (name === 'cluster' && mayMeetVictim && random.chance(0.7)) return VICTIM;
  if (random.chance(0.5)) return name === 'group' ? 'edge' : 'a';
  return random.pick(OTHERS);
}

function spoiltHeaders(
  random: Random,
  caller: keyof Tokens | 'nobody' | 'guesser',
  tokens: Tokens,
): Record<string, string> {
  const headers: Record<string, string> = {};
  if (caller === 'guesser') {
    headers.authorization = random.pick([
      'Bearer',
      'Bearer ',
      'Basic eDp5',
      `Bearer ${'z'.repeat(5_000)}`,
      tokens.node,
      `Bearer ${tokens.node.slice(0, -1)}`,
    ]);
  } else if (caller !== 'nobody') headers.authorization = `Bearer ${tokens[caller]}`;
  if (random.chance(0.7)) headers['content-type'] = random.pick(TYPES);
  if (random.chance(0.05)) headers.upgrade = 'nonsense';
  if (random.chance(0.05))
    headers.cookie = random.pick(['tiebreak=', `tiebreak=${'c'.repeat(2_000)}`, '=;;=', 'tiebreak=%zz']);
  if (random.chance(0.05)) headers['content-encoding'] = random.pick(['gzip', 'br', 'x']);
  if (random.chance(0.05)) headers['x-http-method-override'] = 'DELETE';
  return headers;
}

function isWellFormed(body: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(body.toString());
    return [WitnessRequest, VoteRequest, ReleaseRequest].some((schema) => schema.safeParse(value).success);
  } catch {
    return false;
  }
}

const NUMBERED = { sequence: 1, incarnation: 1, stamp_ms: 0, stamp_age_ms: 0, serial: 0 };
const BALLOT = { counter: 99, node: 'a' };
const HASH = '0123456789abcdef';

/** One body of each kind that the API takes. */
const GENUINE: readonly unknown[] = [
  { type: 'vote', group: 'edge', ballot: BALLOT, promise_ms: 5_000, config_hash: HASH, ...NUMBERED },
  { type: 'release', group: 'edge', ballot: BALLOT, ...NUMBERED },
  { type: 'hello', protocols: [1], groups: [{ group: 'edge', config_hash: HASH }], ...NUMBERED },
  { type: 'rehearsal', ...NUMBERED },
  { type: 'relay', to: 'b', datagram: 'AAAA', ...NUMBERED },
  { type: 'report', peers: [{ node: 'b', state: 'heard' }], groups: [], decisions: [], ...NUMBERED },
  { check: 'nginx', healthy: false, detail: 'down' },
  { location_hint: 'weur' },
  // Never a public address: what is stored would be told of events.
  { url: 'https://192.0.2.1/hook', kinds: ['owner'] },
  {
    version: '4',
    status: 'firing',
    alerts: [{ status: 'firing', labels: { group: 'edge', node: 'a' }, annotations: {} }],
  },
  {
    format: 1,
    cluster: 'other',
    witness_id: '0'.repeat(32),
    serial: 1,
    nodes: [],
    viewers: [],
    monitors: [],
    webhooks: [],
  },
];
