import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import type { NumberedServerFloatingIpConfig } from '../config/index.ts';
import { type Action, type Patience, USUAL_PATIENCE, waitForAction } from './action.ts';
import { isPassing } from './answer-status.ts';
import type { ApiAnswer, ApiClient } from './api-client.ts';
import { readJson } from './json-answer.ts';
import { type Call, type Failure, type FloatingIpProvider, lasting, passing } from './provider.ts';
import { retryAfterMs } from './rate-limit.ts';
import { serverNumber } from './server-number.ts';
import { quote } from './words.ts';

// https://docs.hetzner.cloud/reference/cloud#floating-ips: a list has no filter by address, so the number of the floating
// IP is looked up once.

const API = 'https://api.hetzner.cloud';
const WHO = 'Hetzner';
const PAGE_LENGTH = 50;
const PAGES_MAX = 20;
/** RateLimit-Reset tells when the whole quota of an hour is back; a request comes back each second. */
const RESET_AT_MOST_MS = 60_000;

const FloatingIp = z.object({ id: z.number(), ip: z.string(), server: z.number().nullable() });
type FloatingIp = z.infer<typeof FloatingIp>;
const One = z.object({ floating_ip: FloatingIp });
const Page = z.object({
  floating_ips: z.array(FloatingIp),
  meta: z.object({ pagination: z.object({ next_page: z.number().nullable() }) }).optional(),
});
const ActionAnswer = z.object({
  action: z.object({
    id: z.number(),
    status: z.enum(['running', 'success', 'error']),
    error: z.object({ code: z.string(), message: z.string() }).nullish(),
  }),
});
const ErrorAnswer = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

type Found = { readonly kind: 'found'; readonly floatingIp: FloatingIp } | Failure;

/** Floating IPs of Hetzner Cloud, IPv4 addresses and IPv6 networks. */
export function hetzner(
  config: NumberedServerFloatingIpConfig,
  token: string,
  client: ApiClient,
  patience: Patience = USUAL_PATIENCE,
): FloatingIpProvider {
  const base = `${config.url ?? API}/v1`;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const { metadataUrl, server: configured } = config;
  const server = serverNumber(client, { configured, metadataUrl, path: '/hetzner/v1/metadata/instance-id' });
  let known: number | undefined;

  const ask = async <T>(schema: z.ZodType<T>, path: string, call: Call, body?: string) => {
    const request = { url: `${base}${path}`, headers, ...(body === undefined ? {} : { body }) };
    const answer = await client.send({ ...request, method: body === undefined ? 'GET' : 'POST' }, call);
    if (answer.kind === 'failed') return answer;
    return answer.status >= 300 ? failureOf(answer, config, token) : readJson(schema, answer, WHO);
  };

  const find = async (call: Call): Promise<Found> => {
    for (let page: number | null = 1; page !== null && page <= PAGES_MAX; ) {
      const read: { ok: true; value: z.infer<typeof Page> } | Failure = await ask(
        Page,
        `/floating_ips?page=${page}&per_page=${PAGE_LENGTH}`,
        call,
      );
      if ('kind' in read) return read;
      const floatingIp = read.value.floating_ips.find(({ ip }) => covers(ip, config.address));
      if (floatingIp !== undefined) return { kind: 'found', floatingIp };
      page = read.value.meta?.pagination.next_page ?? null;
    }
    return lasting(`the project of the token in ${config.tokenFile} has no floating IP ${config.address}`);
  };

  const get = async (call: Call): Promise<Found> => {
    if (known === undefined) return find(call);
    const read = await ask(One, `/floating_ips/${known}`, call);
    return 'kind' in read ? read : { kind: 'found', floatingIp: read.value.floating_ip };
  };

  const readAction = (read: { ok: true; value: z.infer<typeof ActionAnswer> } | Failure) => {
    if ('kind' in read) return read;
    const { id, status, error } = read.value.action;
    switch (status) {
      case 'running':
        return { kind: 'running', id } as const;
      case 'success':
        return { kind: 'done' } as const;
      case 'error':
        return passing(
          `${WHO} could not assign ${config.address}: ${quote(error?.message ?? `action ${id}`, [token])}`,
        );
    }
  };

  return {
    async look(call) {
      const here = await server(call);
      if (here.kind === 'failed') return here;
      const found = await get(call);
      if (found.kind === 'failed') {
        // It may have been deleted and made anew, with another number.
        if (!found.retryable) known = undefined;
        return found;
      }
      known = found.floatingIp.id;
      const holder = found.floatingIp.server;
      if (holder === here.number) return { kind: 'mine' };
      return { kind: 'elsewhere', holder: holder === null ? null : `server ${holder}` };
    },

    async assign(call) {
      const here = await server(call);
      if (here.kind === 'failed') return here;
      if (known === undefined) return passing(`the number of ${config.address} is not known`);
      const body = JSON.stringify({ server: here.number });
      const first = readAction(await ask(ActionAnswer, `/floating_ips/${known}/actions/assign`, call, body));
      if (first.kind !== 'running') return first.kind === 'done' ? { kind: 'assigned' } : first;
      const again = async (): Promise<Action> => readAction(await ask(ActionAnswer, `/actions/${first.id}`, call));
      return waitForAction(first, again, call, patience);
    },
  };
}

/** A floating IPv6 "address" is a network, `2001:db8::/64`, of which one address is used. */
function covers(ip: string, address: string): boolean {
  const [network = '', length] = ip.split('/');
  const version = isIP(network);
  if (version !== isIP(address) || version === 0) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const all = family === 'ipv4' ? 32 : 128;
  const prefixLength = length === undefined ? all : Number(length);
  if (!(prefixLength >= 1 && prefixLength <= all)) return false;
  const list = new BlockList();
  list.addSubnet(network, prefixLength, family);
  return list.check(address, family);
}

function failureOf(answer: ApiAnswer, config: NumberedServerFloatingIpConfig, token: string): Failure {
  const { status, headers } = answer;
  const read = readJson(ErrorAnswer, answer, WHO);
  const error = 'kind' in read ? undefined : read.value.error;
  const said = error === undefined ? '' : `: ${quote(`${error.message} (${error.code})`, [token])}`;
  const text = `${WHO} answers HTTP ${status}${said}`;
  switch (status) {
    case 401:
      return lasting(`${text}; put a valid token into ${config.tokenFile} and restart the agent`);
    case 403:
      return lasting(`${text}; the token needs the permission Read & Write in the project of the floating IP`);
    case 404:
      return lasting(`${text}; are the floating IP and the server in the token's project?`);
    default: {
      // Another action holds the address or the server, which Hetzner says with several statuses.
      const held = ['locked', 'conflict', 'floating_ip_assigned', 'resource_unavailable', 'maintenance'];
      if (!isPassing(status) && !held.includes(error?.code ?? '')) return lasting(text);
      return passing(text, retryAfterMs(headers, Date.now(), RESET_AT_MOST_MS));
    }
  }
}
