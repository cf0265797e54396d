import { readFileSync } from 'node:fs';
import { openSidebandPort } from '../engine/sideband-port.ts';
import { ballotsOfDeadAgent } from '../state/dead-agents-ballots.ts';
import { mayBePromised } from '../state/dead-agents-promise.ts';
import { openRegisterFile } from '../state/register-file.ts';
import { closeByPacket } from './close-fence.ts';
import { Farewell } from './farewell.ts';
import type { Handover } from './handover.ts';
import { LastVote } from './last-vote.ts';

type Report = (text: string) => void;

/** For whom the node voted in its engine's place; nothing for a group that was not its own. */
export type Released = { readonly group: string; readonly votedFor: string | undefined };

/** By what the handover is done: the real things, or a rehearsal's. */
export type Means = {
  /** True: the kernel has confirmed it. */
  readonly closeFence: (
    fence: NonNullable<Handover['fence']>,
    groupIds: readonly number[],
    report: Report,
  ) => Promise<boolean>;
  readonly openPort: typeof openSidebandPort;
};

const REAL: Means = { closeFence, openPort: openSidebandPort };

/**
 * What the engine would have done had it not died (DESIGN section 4, Guardian). The addresses go last: behind a closed
 * fence they answer for nothing, and what removes them takes longer to load than the whole takeover. Never throws.
 */
export async function doLastDuties(handover: Handover, report: Report): Promise<Released[]> {
  const released: Released[] = [];
  try {
    released.push(...(await handOver(handover, REAL, report)));
    await removeAddresses(handover, report);
  } catch (cause) {
    report(`a bug: ${cause instanceof Error ? cause.stack : cause}`);
  }
  return released;
}

/**
 * First the fence; only once the kernel has confirmed that it is closed is anything released (L5). As it is open until then,
 * and the kernel answers, all that can be done before is.
 */
export async function handOver(handover: Handover, means: Means, report: Report): Promise<Released[]> {
  const { fence, groups } = handover;
  if (fence === null) return [];
  const votes = lastVotes(handover, report);
  const farewell = await Farewell.prepare(handover, votes, means.openPort, report);
  try {
    const ids = groups.map(({ id }) => id);
    if (!(await means.closeFence(fence, ids, report))) return [];
    await farewell.say();
  } finally {
    farewell.close();
  }
  return votes.map(({ group, givenTo }) => ({ group: group.name, votedFor: givenTo }));
}

async function closeFence(
  { secret, options }: NonNullable<Handover['fence']>,
  groupIds: readonly number[],
  report: Report,
): Promise<boolean> {
  if (await closeByPacket(secret, groupIds)) return true;
  // Only now: it brings native modules along, and time and memory that nobody else should pay for.
  const { replaceFence } = await import('../kernel/fence/index.ts');
  const replaced = replaceFence(options);
  if (!replaced.ok) report(`the fence could not be closed and runs out by itself: ${replaced.text}`);
  return replaced.ok;
}

function lastVotes({ groups, node, runDir, stateDir, bootId, incarnation }: Handover, report: Report): LastVote[] {
  const mayUse = ballotsOfDeadAgent(stateDir);
  return groups.flatMap((group) => {
    const register = openRegisterFile({
      runDir,
      group: group.name,
      bootId,
      incarnation,
      previous: { incarnation, bootId },
      nowUs: uptimeUs(),
      onProblem: report,
    });
    const mayUseHere = (counter: number): boolean => mayUse(group.name, counter);
    const promised = mayBePromised(stateDir, group.name);
    return LastVote.of({ group, node, register, promised, mayUse: mayUseHere, nowUs: uptimeUs }) ?? [];
  });
}

/** CLOCK_BOOTTIME to a hundredth of a second, without a native module. */
function uptimeUs(): number {
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ', 1)[0]) * 1_000_000;
}

/** With them the routes of ours; without a fence another agent may be running here, whose routes bear the same mark. */
async function removeAddresses({ addresses, fence }: Handover, report: Report): Promise<void> {
  const [{ openRtnetlink, interfaceIndex }, { parseAddress }] = await Promise.all([
    import('../kernel/index.ts'),
    import('@tiebreak/shared/vrrp'),
  ]);
  const rtnetlink = openRtnetlink();
  if (!rtnetlink.ok) {
    report(`the addresses cannot be removed: ${rtnetlink.text}`);
    return;
  }
  const routes = fence === null ? undefined : rtnetlink.value.ourRoutes();
  for (const route of routes?.ok ? routes.value : []) {
    const removed = rtnetlink.value.removeRoute(route);
    if (!removed.ok) report(`a route could not be removed: ${removed.text}`);
  }
  for (const { interface: name, family, address, prefixLength } of addresses) {
    const index = interfaceIndex(name);
    const bytes = parseAddress(address);
    if (!index.ok || bytes === undefined) continue;
    const removed = rtnetlink.value.removeAddress({
      interfaceIndex: index.value,
      family,
      address: bytes,
      prefixLength,
    });
    if (!removed.ok) report(`${address} could not be removed: ${removed.text}`);
  }
  rtnetlink.value.close();
}
