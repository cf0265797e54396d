import { setTimeout as sleep } from 'node:timers/promises';
import { openWitnessLink } from '../witness-link/index.ts';

const CONNECTED_WITHIN_MS = 15_000;
/** A rehearsal that is not answered counts after 5 s as what it was. */
const ANSWERED_WITHIN_MS = 6_000;
const LOOK_MS = 2;

export type Measured =
  | { readonly ok: true; readonly count: number; readonly p50Ms: number; readonly p99Ms: number }
  | { readonly ok: false; readonly reason: string };

/**
 * Opens the agent's own link with this token, which holds every answer against the identity in it (L14), and times
 * rehearsal votes one after the other. As incarnation 0, so that nothing that the agent will ask is taken for a repeat.
 */
export async function measureVotes(
  { url, cluster, node, token }: { url: string; cluster: string; node: string; token: string },
  wanted: number,
): Promise<Measured> {
  const link = openWitnessLink({
    url,
    cluster,
    node,
    token,
    incarnation: 0,
    serial: 0,
    groups: () => [],
    report: () => ({ peers: [], groups: [], decisions: [] }),
    chooseSource: () => undefined,
    nowUs: () => Number(process.hrtime.bigint() / 1_000n),
    random: Math.random,
    onReply: () => {},
    onFreed: () => {},
    onHealth: () => {},
    onPassedOn: () => {},
    onState: () => {},
    onSerial: () => {},
    log: () => {},
  });
  const until = async (done: () => boolean, withinMs: number): Promise<void> => {
    const deadlineMs = performance.now() + withinMs;
    while (!done() && link.state().kind !== 'refused' && performance.now() < deadlineMs) await sleep(LOOK_MS);
  };
  const connected = () => link.state().kind === 'connected';
  try {
    await until(connected, CONNECTED_WITHIN_MS);
    while (connected() && link.voteTimes().count < wanted) {
      const { count } = link.voteTimes();
      link.rehearse();
      await until(() => link.voteTimes().count > count || !connected(), ANSWERED_WITHIN_MS);
      if (link.voteTimes().count === count) break;
    }
    const { count, p50Ms, p99Ms } = link.voteTimes();
    if (count < wanted || p50Ms === null || p99Ms === null) return { ok: false, reason: link.state().detail };
    return { ok: true, count, p50Ms, p99Ms };
  } finally {
    link.close();
  }
}
