import { Agent } from 'node:http';
import { ClusterView, Problem } from '@tiebreak/shared/wire';
import { z } from 'zod';
import { Random } from '../../../agent/simulation/random.ts';
import { ServedWitness } from '../../served-witness/served-witness.ts';
import { VotingNode } from '../../served-witness/voting-node.ts';
import { type RawAnswer, type RawRequest, send } from './http.ts';
import { spoiltRequest, type Tokens, VICTIM } from './requests.ts';

const AT_ONCE = 8;
const LOOK_EVERY = 2_000;
/** Fewer than the witness lets one address fail: it would hear nothing else of it. */
const PER_ADDRESS = 50;
const SHOWN = 300;
const GRANTED_WITHIN_MS = 20_000;

const Issued = z.object({ token: z.string() });

export type Thrown = { readonly findings: readonly string[]; readonly counts: ReadonlyMap<string, number> };

/**
 * Throws requests that nobody should have sent at a served witness. A finding: a failure of the witness's own (5xx), a
 * refusal that is no Problem, no answer at all, or a change of what the watched cluster has voted, or of who belongs to it.
 */
export async function throwRequests(options: {
  requests: number;
  seed: number;
  progress: (sent: number) => void;
}): Promise<Thrown> {
  const { progress, requests, seed } = options;
  const witness = await ServedWitness.started();
  try {
    const tokens = await victim(witness);
    const origin = new URL(witness.origin);
    const random = new Random(seed);
    const before = await votes(witness);
    const findings = new Set<string>();
    const counts = new Map<string, number>();
    let sent = 0;
    let addresses = 0;
    const nextConnection = (): Agent => {
      addresses += 1;
      return connectionFrom(addresses);
    };
    const lane = async (): Promise<void> => {
      let connection = nextConnection();
      for (let own = 0; sent < requests; own += 1) {
        sent += 1;
        const number = sent;
        if (own % PER_ADDRESS === PER_ADDRESS - 1) {
          connection.destroy();
          connection = nextConnection();
        }
        const thrown = spoiltRequest(random, tokens);
        const problem = await send(origin, connection, thrown).then(
          (answer) => {
            counts.set(String(answer.status), (counts.get(String(answer.status)) ?? 0) + 1);
            return wrongWith(thrown, answer);
          },
          (error: unknown) => `no answer: ${String(error)}`,
        );
        if (problem !== undefined) findings.add(`${problem} to ${told(thrown)}`);
        if (number % LOOK_EVERY !== 0) continue;
        if ((await votes(witness)) !== before) findings.add(`the votes have changed by request ${number}`);
        progress(number);
      }
      connection.destroy();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    const after = await votes(witness);
    if (after !== before) findings.add(`the votes have changed from ${before} to ${after}`);
    return { findings: [...findings], counts };
  } finally {
    await witness.dispose();
  }
}

/** Of the loopback network each address is one's own. */
function connectionFrom(index: number): Agent {
  const localAddress = `127.${1 + ((index >> 16) & 63)}.${(index >> 8) & 255}.${index & 255}`;
  return new Agent({ keepAlive: true, maxSockets: 1, localAddress });
}

/** A cluster that has given its vote and has it back, and one of each kind of token for it. */
async function victim(witness: ServedWitness): Promise<Tokens> {
  await witness.createCluster(VICTIM);
  const node = await witness.enroll(VICTIM, 'a');
  await witness.enroll(VICTIM, 'b');
  const voter = new VotingNode(witness, { cluster: VICTIM, node: 'a', token: node }, 'https');
  await voter.hello();
  const deadlineMs = performance.now() + GRANTED_WITHIN_MS;
  while ((await voter.vote(5, 1_000))?.result.kind !== 'granted') {
    if (performance.now() > deadlineMs) throw new Error('the vote was not granted');
  }
  await voter.release(5);
  voter.close();
  const issued = async (path: string) => Issued.parse(JSON.parse(await asAdmin(witness, 'PUT', path))).token;
  const [viewer, monitor] = [await issued('/viewers/wall'), await issued('/monitors/probe')];
  return { admin: witness.adminToken, node, viewer, monitor };
}

/** What no such request may change. */
async function votes(witness: ServedWitness): Promise<string> {
  const view = ClusterView.parse(JSON.parse(await asAdmin(witness, 'GET', '')));
  const { witness_id, serial, recovering_ms } = view;
  const groups = view.groups.map(({ group, state, holder, ballot }) => ({ group, state, holder, ballot }));
  return JSON.stringify({ witness_id, serial, recovering_ms, groups, nodes: view.nodes.map(({ node }) => node) });
}

async function asAdmin({ adminToken, origin }: ServedWitness, method: string, path: string): Promise<string> {
  const headers = { authorization: `Bearer ${adminToken}` };
  const answer = await fetch(`${origin}/v1/clusters/${VICTIM}${path}`, { method, headers });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  return answer.text();
}

function wrongWith({ method, target }: RawRequest, { status, type, text }: RawAnswer): string | undefined {
  if (status >= 500) return `${status} ${text}`;
  if (status < 400) return undefined;
  // By HTTP's own rules that is no request at all: the runtime says so, and no Worker hears of it.
  if (status === 400 && !target.startsWith('/')) return undefined;
  // A signed refusal of a vote, and the page that asks a person for a token.
  if (status === 409 && type.startsWith('application/json') && text.includes('"mac"')) return undefined;
  if (status === 401 && type.startsWith('text/html') && !target.includes('v1')) return undefined;
  if (type !== 'application/problem+json') return `${status} as ${type || 'nothing'}: ${text}`;
  if (method === 'HEAD') return undefined;
  const problem = Problem.safeParse(JSON.parse(text));
  return problem.success && problem.data.status === status ? undefined : `${status} with no good problem: ${text}`;
}

function told({ method, target, headers, body }: RawRequest): string {
  const { authorization: _, ...shown } = headers;
  return `${method} ${target.slice(0, SHOWN)} ${JSON.stringify(shown).slice(0, SHOWN)} ${body?.toString('latin1').slice(0, SHOWN) ?? ''}`;
}
