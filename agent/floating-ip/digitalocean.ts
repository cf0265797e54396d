import { isIP } from 'node:net';
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

// https://docs.digitalocean.com/reference/api/reference/reserved-ips/ and reserved-ip-actions/; the same for reserved IPv6
// addresses, whose actions are read at /v2/actions.

const API = 'https://api.digitalocean.com';
const WHO = 'DigitalOcean';

/** Absent without the scope droplet:read; null: assigned to no droplet. */
const ReservedIp = z.object({ droplet: z.object({ id: z.number() }).nullable().optional() });
const ReservedIpAnswer = z.union([
  z.object({ reserved_ip: ReservedIp }).transform((answer) => answer.reserved_ip),
  z.object({ reserved_ipv6: ReservedIp }).transform((answer) => answer.reserved_ipv6),
]);
const ActionAnswer = z.object({
  action: z.object({ id: z.number(), status: z.enum(['in-progress', 'completed', 'errored']) }),
});
const ErrorAnswer = z.object({ message: z.string() });

/** Reserved IPs of DigitalOcean: one that answers for a droplet at a time. */
export function digitalOcean(
  config: NumberedServerFloatingIpConfig,
  token: string,
  client: ApiClient,
  patience: Patience = USUAL_PATIENCE,
): FloatingIpProvider {
  const base = config.url ?? API;
  const ipv4 = isIP(config.address) === 4;
  const resource = `${base}/v2/${ipv4 ? 'reserved_ips' : 'reserved_ipv6'}/${config.address}`;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const { metadataUrl, server: configured } = config;
  const droplet = serverNumber(client, { configured, metadataUrl, path: '/metadata/v1/id' });
  const refused = (answer: ApiAnswer, subject: string): Failure => failureOf(answer, subject, config, token);

  const readAction = (answer: ApiAnswer | Failure): (Action & { readonly id?: number }) | Failure => {
    if (answer.kind === 'failed') return answer;
    if (answer.status >= 300) return refused(answer, `the reserved IP ${config.address}`);
    const read = readJson(ActionAnswer, answer, WHO);
    if ('kind' in read) return read;
    const { id, status } = read.value.action;
    switch (status) {
      case 'in-progress':
        return { kind: 'running', id };
      case 'completed':
        return { kind: 'done' };
      case 'errored':
        return passing(`${WHO} could not assign ${config.address} (action ${id}): see its control panel`);
    }
  };

  return {
    async look(call) {
      const here = await droplet(call);
      if (here.kind === 'failed') return here;
      const answer = await client.send({ method: 'GET', url: resource, headers }, call);
      if (answer.kind === 'failed') return answer;
      if (answer.status !== 200) return refused(answer, `the reserved IP ${config.address}`);
      const read = readJson(ReservedIpAnswer, answer, WHO);
      if ('kind' in read) return read;
      const { droplet: holder } = read.value;
      if (holder === undefined) return lasting(`the token in ${config.tokenFile} lacks the scope droplet:read`);
      if (holder?.id === here.number) return { kind: 'mine' };
      return { kind: 'elsewhere', holder: holder === null ? null : `droplet ${holder.id}` };
    },

    async assign(call: Call) {
      const here = await droplet(call);
      if (here.kind === 'failed') return here;
      const body = JSON.stringify({ type: 'assign', droplet_id: here.number });
      const first = readAction(await client.send({ method: 'POST', url: `${resource}/actions`, headers, body }, call));
      if (first.kind !== 'running') return first.kind === 'done' ? { kind: 'assigned' } : first;
      const url = ipv4 ? `${resource}/actions/${first.id}` : `${base}/v2/actions/${first.id}`;
      const ask = async (): Promise<Action> => readAction(await client.send({ method: 'GET', url, headers }, call));
      return waitForAction(first, ask, call, patience);
    },
  };
}

function failureOf(answer: ApiAnswer, subject: string, config: NumberedServerFloatingIpConfig, token: string): Failure {
  const { status, headers } = answer;
  const read = readJson(ErrorAnswer, answer, WHO);
  const said = 'kind' in read ? '' : `: ${quote(read.value.message, [token])}`;
  const text = `${WHO} answers HTTP ${status}${said}`;
  switch (status) {
    case 401:
      return lasting(`${text}; put a valid token into ${config.tokenFile} and restart the agent`);
    case 403:
      return lasting(`${text}; the token needs the scopes reserved_ip:read, reserved_ip:update and droplet:read`);
    case 404:
      return lasting(`${text}; is ${subject} of the token's team, and the droplet in its region?`);
    case 422:
      // A droplet or an address that is being worked on: 'already has a pending event'.
      return /pending|locked|in progress/i.test(said) ? passing(text) : lasting(text);
    default:
      return isPassing(status) ? passing(text, retryAfterMs(headers, Date.now())) : lasting(text);
  }
}
