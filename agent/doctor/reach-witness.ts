import { promises as dns, type LookupAddress } from 'node:dns';
import { parseAddress } from '@tiebreak/shared/vrrp';
import { Agent, request } from 'undici';
import type { Config, WitnessConfig, WitnessCredential } from '../config/index.ts';
import { explainWay, forbiddenAddresses } from '../engine/index.ts';
import { failureText } from '../failure-text.ts';
import { openRtnetlink } from '../kernel/index.ts';
import { type Measured, measureVotes, type TokenOwner, whoseToken } from '../witness-setup/index.ts';
import { valueOrThrow } from './examination.ts';

const RESOLVED_WITHIN_MS = 4_000;
const ANSWERED_WITHIN_MS = 5_000;
/** Enough for a 99th percentile that is the slowest. */
const REHEARSALS = 10;

export type WitnessReach =
  | { readonly kind: 'unresolved'; readonly hostname: string; readonly why: string }
  | { readonly kind: 'unreachable'; readonly why: string }
  | {
      readonly kind: 'reached';
      readonly status: number;
      readonly roundTripMs: number;
      /** Of this host's wall clock. */
      readonly askedAtMs: number;
      /** Of the Date header; undefined: it has none. */
      readonly dateMs: number | undefined;
    };

export type WitnessFacts = {
  readonly url: string;
  readonly reach: WitnessReach;
  /** What is wrong with the routes to the witness's addresses; undefined: there is no route. */
  readonly wayProblems: readonly string[] | undefined;
  /** undefined: not asked. */
  readonly token: TokenOwner | undefined;
  /** undefined: not measured. */
  readonly measured: Measured | undefined;
};

/**
 * Everything about the way to the witness. With `credential` it also asks whose token that is and times votes, over a link of
 * its own: only while no agent runs, whose link that would replace.
 */
export async function reachWitness(
  witness: WitnessConfig,
  config: Config,
  credential: WitnessCredential | undefined,
): Promise<WitnessFacts> {
  const { url, cluster } = witness;
  const hostname = new URL(url).hostname.replace(/^\[|\]$/g, '');
  const resolved = await resolve(hostname);
  if (typeof resolved === 'string') {
    const reach = { kind: 'unresolved', hostname, why: resolved } as const;
    return { url, reach, wayProblems: undefined, token: undefined, measured: undefined };
  }
  const reach = await askHealth(url);
  const wayProblems = problemsOfWay(resolved, config);
  const well = reach.kind === 'reached' && reach.status === 200;
  const asked = well && credential !== undefined;
  const token = asked ? await whoseToken(url, cluster, credential.token) : undefined;
  const own = token?.kind === 'node' && token.node === config.node;
  const measured =
    asked && own
      ? await measureVotes({ url, cluster, node: config.node, token: credential.token }, REHEARSALS)
      : undefined;
  return { url, reach, wayProblems, token, measured };
}

/** The addresses, or why there are none. */
async function resolve(hostname: string): Promise<readonly LookupAddress[] | string> {
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve(`no answer within ${RESOLVED_WITHIN_MS / 1000} s`), RESOLVED_WITHIN_MS);
  const found = dns.lookup(hostname, { all: true }).catch((error: unknown) => failureText(error));
  const addresses = await Promise.race([found, late.promise]);
  clearTimeout(timer);
  return addresses;
}

async function askHealth(url: string): Promise<WitnessReach> {
  const dispatcher = new Agent();
  try {
    // The first request's time is that of the handshakes.
    await get(url, dispatcher);
    const askedAtMs = Date.now();
    const startedMs = performance.now();
    const { status, date } = await get(url, dispatcher);
    const roundTripMs = performance.now() - startedMs;
    const dateMs = Date.parse(date);
    return { kind: 'reached', status, roundTripMs, askedAtMs, dateMs: Number.isNaN(dateMs) ? undefined : dateMs };
  } catch (error) {
    return { kind: 'unreachable', why: whyNot(error) };
  } finally {
    await dispatcher.destroy();
  }
}

async function get(url: string, dispatcher: Agent): Promise<{ status: number; date: string }> {
  const signal = AbortSignal.timeout(ANSWERED_WITHIN_MS);
  const answer = await request(new URL('/healthz', url), { dispatcher, signal });
  await answer.body.dump();
  const { date } = answer.headers;
  return { status: answer.statusCode, date: typeof date === 'string' ? date : '' };
}

function whyNot(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${ANSWERED_WITHIN_MS / 1000} s`;
  // Several addresses have failed: the first says as much as any.
  if (error instanceof AggregateError) return failureText(error.errors[0]);
  return failureText(error);
}

/** An address of a family that this host does not route at all is of no use, and no harm. */
function problemsOfWay(addresses: readonly LookupAddress[], { groups }: Config): string[] | undefined {
  const forbidden = forbiddenAddresses(groups);
  const rtnetlink = valueOrThrow(openRtnetlink());
  try {
    const ways = addresses.flatMap(({ address }) => {
      const bytes = parseAddress(address);
      const route = bytes === undefined ? undefined : rtnetlink.routeTo(bytes);
      return route?.ok === true ? [explainWay(address, route.value, forbidden)] : [];
    });
    return ways.length === 0 ? undefined : ways.filter((problem) => problem !== undefined);
  } finally {
    rtnetlink.close();
  }
}
