import { isIP } from 'node:net';
import { type Asked, json, type Listen, type Reply, type Server, serve } from './stand-in.ts';

export const TOKEN = 'dop_v1_0123456789abcdef0123456789abcdef';

type Options = Listen & {
  readonly token?: string;
  readonly address?: string;
  /** Those that there are; the first is the one that asks for its metadata. */
  readonly droplets?: readonly number[];
  readonly assignedTo?: number | null;
  /** How long an assignment takes. */
  readonly actionMs?: number;
  /** Whether the token may read droplets. */
  readonly showsDroplets?: boolean;
};

export type DigitalOcean = Server & {
  /** The droplet that has the address. */
  readonly assignedTo: number | null;
  /** As somebody at the control panel would. */
  readonly move: (droplet: number | null) => void;
  /** Requests to assign that were taken on, in their order. */
  readonly assignments: readonly number[];
};

type Work = { readonly id: number; readonly droplet: number; readonly readyAtMs: number };

/**
 * A stand-in for the parts of DigitalOcean's API and metadata service that are about one reserved IP: forms, statuses and
 * headers as https://docs.digitalocean.com/reference/api/reference/reserved-ip-actions/ describes them.
 */
export async function start({
  token = TOKEN,
  address = '203.0.113.10',
  droplets = [101, 102],
  assignedTo: first = null,
  actionMs = 0,
  showsDroplets = true,
  ...listen
}: Options = {}): Promise<DigitalOcean> {
  let assignedTo = first;
  let work: Work | undefined;
  const done = new Map<number, Work>();
  const assignments: number[] = [];
  const kind = isIP(address) === 6 ? 'reserved_ipv6' : 'reserved_ip';
  const resource = `/v2/${kind === 'reserved_ip' ? 'reserved_ips' : kind}/${address}`;

  const settle = (): void => {
    if (work === undefined || performance.now() < work.readyAtMs) return;
    done.set(work.id, work);
    assignedTo = work.droplet;
    work = undefined;
  };
  const describeAction = ({ id, droplet }: Work, status: string): unknown => ({
    action: {
      id,
      status,
      type: 'assign_ip',
      started_at: '2026-11-26T20:00:00Z',
      completed_at: status === 'completed' ? '2026-11-26T20:00:03Z' : null,
      resource_id: droplet,
      resource_type: kind,
      region_slug: 'nyc3',
    },
  });

  const assign = (body: string): Reply => {
    const { type, droplet_id: droplet }: { type?: unknown; droplet_id?: unknown } = JSON.parse(body);
    if (type !== 'assign' || typeof droplet !== 'number') return error(422, 'unprocessable_entity', 'Type is invalid.');
    if (!droplets.includes(droplet)) return error(404, 'not_found', 'The resource you requested could not be found.');
    if (work !== undefined) return error(422, 'unprocessable_entity', 'The IP already has a pending event.');
    work = { id: 72_531_000 + assignments.length, droplet, readyAtMs: performance.now() + actionMs };
    assignments.push(droplet);
    return json(201, describeAction(work, 'in-progress'), QUOTA);
  };

  const answer = ({ method, path, headers, body }: Asked): Reply => {
    if (method === 'GET' && path === '/metadata/v1/id') return { status: 200, body: String(droplets[0] ?? '') };
    if (headers.authorization !== `Bearer ${token}`) {
      return error(401, 'unauthorized', 'Unable to authenticate you.');
    }
    if (method === 'POST' && path === `${resource}/actions`) return assign(body);
    if (method !== 'GET') return error(404, 'not_found', 'The resource you requested could not be found.');
    settle();
    if (path === resource) {
      const droplet = assignedTo === null ? null : { id: assignedTo, name: `droplet-${assignedTo}`, status: 'active' };
      const region = { name: 'New York 3', slug: 'nyc3', available: true };
      const shown = showsDroplets ? { droplet } : {};
      return json(200, { [kind]: { ip: address, ...shown, region, locked: work !== undefined } }, QUOTA);
    }
    const base = kind === 'reserved_ip' ? `${resource}/actions/` : '/v2/actions/';
    const id = path.startsWith(base) ? Number(path.slice(base.length)) : Number.NaN;
    if (work?.id === id) return json(200, describeAction(work, 'in-progress'), QUOTA);
    const finished = done.get(id);
    return finished === undefined
      ? error(404, 'not_found', 'The resource you requested could not be found.')
      : json(200, describeAction(finished, 'completed'), QUOTA);
  };

  const server = await serve(answer, listen);
  return {
    ...server,
    get assignedTo(): number | null {
      settle();
      return assignedTo;
    },
    move: (droplet) => {
      assignedTo = droplet;
    },
    assignments,
  };
}

const QUOTA = { 'ratelimit-limit': '5000', 'ratelimit-remaining': '4816', 'ratelimit-reset': '1795723200' };

export function error(
  status: number,
  id: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return json(status, { id, message, request_id: '4d9d8375-3c56-4925-a3e7-eb137fed17e9' }, { ...QUOTA, ...headers });
}
