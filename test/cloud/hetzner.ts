import { type Asked, json, type Listen, type Reply, type Server, serve } from './stand-in.ts';

export const TOKEN = 'jEheVytlAoFl7F8MqUQ7jAo2hOXASztXjEheVytlAoFl7F8MqUQ7jAo2hOXASztX';

type Options = Listen & {
  readonly token?: string;
  /** Of the floating IP; an IPv6 one is a network, with its length. */
  readonly ip?: string;
  /** How many other floating IPs come before it in the list. */
  readonly others?: number;
  readonly servers?: readonly number[];
  readonly assignedTo?: number | null;
  readonly actionMs?: number;
};

export type Hetzner = Server & {
  readonly assignedTo: number | null;
  readonly move: (server: number | null) => void;
  /** Its number from now on, as if it had been deleted and made anew. */
  readonly renumber: (id: number) => void;
  /** How actions end from now on. */
  readonly endActionsWith: (end: 'success' | 'error') => void;
};

type Work = { readonly id: number; readonly server: number; readonly readyAtMs: number };

/**
 * A stand-in for the parts of Hetzner Cloud's API and metadata service that are about floating IPs:
 * https://docs.hetzner.cloud/reference/cloud#floating-ips. The list knows no filter by address, as the real one.
 */
export async function start({
  token = TOKEN,
  ip = '203.0.113.20',
  others = 0,
  servers = [201, 202],
  assignedTo: first = null,
  actionMs = 0,
  ...listen
}: Options = {}): Promise<Hetzner> {
  let assignedTo = first;
  let number = 5_000;
  let work: Work | undefined;
  let end: 'success' | 'error' = 'success';
  const ended = new Map<number, 'success' | 'error'>();

  const settle = (): void => {
    if (work === undefined || performance.now() < work.readyAtMs) return;
    ended.set(work.id, end);
    if (end === 'success') assignedTo = work.server;
    work = undefined;
  };
  const describeIp = (id: number, address: string, server: number | null): unknown => ({
    id,
    name: `ip-${id}`,
    description: null,
    ip: address,
    type: address.includes(':') ? 'ipv6' : 'ipv4',
    server,
    blocked: false,
    protection: { delete: false },
    labels: {},
  });
  const describeAction = (id: number, status: string): unknown => ({
    action: {
      id,
      command: 'assign_floating_ip',
      status,
      progress: status === 'running' ? 0 : 100,
      error: status === 'error' ? { code: 'action_failed', message: 'Action failed' } : null,
    },
  });

  const list = (query: URLSearchParams): Reply => {
    const all = Array.from({ length: others }, (_, index) => describeIp(index + 1, `198.51.100.${index + 1}`, null));
    all.push(describeIp(number, ip, assignedTo));
    const page = Number(query.get('page') ?? 1);
    const length = Number(query.get('per_page') ?? 25);
    const shown = all.slice((page - 1) * length, page * length);
    const next = page * length < all.length ? page + 1 : null;
    const pagination = { page, per_page: length, previous_page: null, next_page: next, total_entries: all.length };
    return json(200, { floating_ips: shown, meta: { pagination } }, QUOTA);
  };

  const assign = (body: string): Reply => {
    const { server }: { server?: unknown } = JSON.parse(body);
    if (typeof server !== 'number' || !servers.includes(server)) return error(404, 'not_found', 'server not found');
    if (work !== undefined) return error(423, 'locked', 'floating ip is locked');
    work = { id: 9_000 + ended.size, server, readyAtMs: performance.now() + actionMs };
    return json(201, describeAction(work.id, 'running'), QUOTA);
  };

  const answer = ({ method, path, headers, body }: Asked): Reply => {
    if (path === '/hetzner/v1/metadata/instance-id') return { status: 200, body: String(servers[0] ?? '') };
    if (headers.authorization !== `Bearer ${token}`) return error(401, 'unauthorized', 'unable to authenticate');
    const { pathname, searchParams } = new URL(path, 'http://stand-in');
    if (method === 'POST' && pathname === `/v1/floating_ips/${number}/actions/assign`) return assign(body);
    settle();
    if (method !== 'GET') return error(404, 'not_found', 'not found');
    if (pathname === '/v1/floating_ips') return list(searchParams);
    if (pathname === `/v1/floating_ips/${number}`) {
      return json(200, { floating_ip: describeIp(number, ip, assignedTo) }, QUOTA);
    }
    const id = Number(/^\/v1\/actions\/(\d+)$/.exec(pathname)?.[1]);
    if (work?.id === id) return json(200, describeAction(id, 'running'), QUOTA);
    const status = ended.get(id);
    return status === undefined ? error(404, 'not_found', 'not found') : json(200, describeAction(id, status), QUOTA);
  };

  const server = await serve(answer, listen);
  return {
    ...server,
    get assignedTo(): number | null {
      settle();
      return assignedTo;
    },
    move: (to) => {
      assignedTo = to;
    },
    renumber: (id) => {
      number = id;
    },
    endActionsWith: (how) => {
      end = how;
    },
  };
}

const QUOTA = { 'ratelimit-limit': '3600', 'ratelimit-remaining': '3599', 'ratelimit-reset': '1795723200' };

export function error(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return json(status, { error: { code, message, details: null } }, { ...QUOTA, ...headers });
}
