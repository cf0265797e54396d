import type { Ballot } from './ballot.ts';
import type { AfterClosing, Cause, HandsTo, MemberConfig, MemberState } from './member.types.ts';
import { bind, boundTo, release } from './register.ts';
import { bestSuccessor } from './successor.ts';
import { become, becomeBackup, downUs, ownershipEndUs, type Turn } from './turn.ts';
import { giveWitnessVoteBack } from './witness-vote.ts';

/** The fence is never open for longer than this, whatever the lease: it bounds what a resumed virtual machine can do. */
const FENCE_MAX_US = 1_500_000;
/** An act that was not confirmed happened within its sentinel's 50 ms, or never. */
const UNCONFIRMED_MAX_US = FENCE_MAX_US + 50_000;
/** How much faster than the kernel's ticks the clock may run. */
const SLEW_MAX = 0.1;
const CLOSE_RETRY_US = 20_000;
const STAND_AGAIN_AFTER_FENCE_REFUSAL_US = 1_000_000;
const LEAVE_PATIENCE_US = 1_000_000;
const DEPART_PATIENCE_US = 3_000_000;

/** Ownership has ended for a reason that makes nobody the next owner. */
export const STAY: AfterClosing = { kind: 'stay', invites: undefined };

/** The kernel has confirmed the opening: this node owns the group, if that is still true at this very moment (L6). */
export function takeOwnership(turn: Turn, expiresAtUs: number): void {
  const { role, config, nowUs } = turn;
  if (role.name !== 'candidate' || !role.opening) return;
  const own = boundTo(turn.register, nowUs);
  const forever = bind(turn.register, config.node, role.ballot, Number.POSITIVE_INFINITY, nowUs);
  if (own?.holder !== config.node || !forever.ok || expiresAtUs <= nowUs) {
    closeFence(turn, role.ballot, expiresAtUs, 'fence_lost', STAY);
    return;
  }
  turn.register = forever.register;
  // An owner never waits with a question because of what was answered to the candidate.
  if (turn.witness.refusal !== undefined) turn.witness.nextAskUs = nowUs;
  become(
    turn,
    {
      name: 'active',
      ballot: role.ballot,
      standingSinceUs: role.sinceUs,
      sinceUs: nowUs,
      fenceExpiresAtUs: expiresAtUs,
      fenceOpenUntilUs: surelyOpenUntilUs(nowUs, expiresAtUs),
      restsOnWitness: turn.witness.voteUntilUs > nowUs,
      refreshNotBeforeUs: nowUs + worthwhileGainUs(config.intervalUs) / 4,
      advertiseAtUs: nowUs + config.intervalUs,
      invitation: undefined,
    },
    'votes_complete',
  );
  turn.effects.push({ type: 'add-addresses' }, { type: 'announce' }, { type: 'advertise' }, { type: 'send-heartbeat' });
}

/** The kernel's ticks may run faster than this node's clock, and so end the fence sooner than it reckons. */
function surelyOpenUntilUs(nowUs: number, expiresAtUs: number): number {
  return nowUs + (1 - SLEW_MAX) * (expiresAtUs - nowUs);
}

/** What a refresh must gain to be worth its two datagrams; smaller than what one ack adds to the lease. */
function worthwhileGainUs(intervalUs: number): number {
  return 0.8 * Math.min(intervalUs / 2, 250_000);
}

/** When the fence is next to be refreshed on the votes at hand; Infinity while a refresh could gain nothing. */
export function refreshDueUs(turn: Turn | MemberState, leaseEndUs: number): number {
  const { role, config, witness } = turn;
  if (role.name !== 'active') return Number.POSITIVE_INFINITY;
  // L12: the fence must come to rest on the remaining votes before one may be given back.
  if (witness.returning && role.restsOnWitness) return role.refreshNotBeforeUs;
  const gainUs = worthwhileGainUs(config.intervalUs);
  const usableUntilUs = leaseEndUs - config.guardUs;
  if (usableUntilUs >= role.fenceExpiresAtUs + gainUs) {
    return Math.max(role.refreshNotBeforeUs, role.fenceExpiresAtUs - FENCE_MAX_US + gainUs);
  }
  // A lease that has shrunk, from a long promise to normal ones, is followed before the kernel's ticks may have closed.
  if (usableUntilUs < role.fenceOpenUntilUs + gainUs) return Number.POSITIVE_INFINITY;
  return Math.max(role.refreshNotBeforeUs, role.fenceOpenUntilUs - gainUs);
}

/** The kernel has extended the fence: by lifetimes of its own choice, so perhaps not to the lease's very end. */
export function noteRefresh(turn: Turn, expiresAtUs: number, restsOnWitness: boolean): void {
  const { role, nowUs } = turn;
  // It was done before the closing, which may fail.
  if (role.name === 'closing') turn.role = { ...role, fenceExpiresAtUs: Math.max(role.fenceExpiresAtUs, expiresAtUs) };
  if (role.name !== 'active') return;
  const fenceOpenUntilUs = surelyOpenUntilUs(nowUs, expiresAtUs);
  turn.role = { ...role, fenceExpiresAtUs: expiresAtUs, fenceOpenUntilUs, restsOnWitness };
  postponeRefresh(turn);
}

/** On the votes as they are now, which may be others by the time that the kernel has done it. */
function askForRefresh(turn: Turn): void {
  const { role, witness, nowUs } = turn;
  if (role.name !== 'active') return;
  const restsOnWitness = !witness.returning && witness.voteUntilUs > nowUs;
  turn.effects.push({ type: 'refresh-fence', leaseEndUs: ownershipEndUs(turn), restsOnWitness });
  turn.role = { ...role, restsOnWitness: role.restsOnWitness || restsOnWitness };
  postponeRefresh(turn);
}

/** Whatever becomes of the last refresh: the next one is not due at this very moment. */
export function postponeRefresh(turn: Turn): void {
  const { role, config, nowUs } = turn;
  if (role.name !== 'active') return;
  turn.role = { ...role, refreshNotBeforeUs: nowUs + worthwhileGainUs(config.intervalUs) / 4 };
}

/** Everything an owner does because time has passed or a vote was renewed. */
export function keepOwnership(turn: Turn): void {
  const { config, nowUs } = turn;
  if (refreshDueUs(turn, ownershipEndUs(turn)) <= nowUs) askForRefresh(turn);
  const { role } = turn;
  if (role.name !== 'active' || role.advertiseAtUs > nowUs) return;
  turn.effects.push({ type: 'advertise' });
  // Deadlines follow one another exactly; those missed in a pause are not made up for.
  const missed = Math.floor((nowUs - role.advertiseAtUs) / config.intervalUs);
  turn.role = { ...role, advertiseAtUs: role.advertiseAtUs + (missed + 1) * config.intervalUs };
}

/** Ownership ends: first the fence, then, once the kernel has confirmed, all the rest. */
export function startClosing(turn: Turn, cause: Cause, after: AfterClosing, handsTo?: HandsTo): void {
  const { role } = turn;
  if (role.name === 'active') closeFence(turn, role.ballot, role.fenceExpiresAtUs, cause, after, handsTo);
}

/** An opening was not confirmed. */
export function abandonOpening(turn: Turn): void {
  const { role, nowUs } = turn;
  if (role.name !== 'candidate') return;
  closeFence(turn, role.ballot, nowUs + UNCONFIRMED_MAX_US, 'fence_refused', STAY);
}

/** A refresh was not confirmed. */
export function abandonOwnership(turn: Turn): void {
  const { role, nowUs } = turn;
  if (role.name !== 'active') return;
  closeFence(turn, role.ballot, nowUs + UNCONFIRMED_MAX_US, 'fence_lost', STAY);
}

function closeFence(
  turn: Turn,
  ballot: Ballot,
  fenceExpiresAtUs: number,
  cause: Cause,
  wanted: AfterClosing,
  handsTo?: HandsTo,
): void {
  const retryAtUs = turn.nowUs + CLOSE_RETRY_US;
  const invitation = turn.role.name === 'active' ? turn.role.invitation : undefined;
  const after = invitation?.after.kind === 'leave' ? invitation.after : wanted;
  become(turn, { name: 'closing', ballot, fenceExpiresAtUs, retryAtUs, after, cause, handsTo }, cause);
  turn.effects.push({ type: 'close-fence' });
}

/** When an element that nobody closed is gone for certain: it runs by the kernel's ticks, which no slew makes faster. */
export function closedByItselfUs(fenceExpiresAtUs: number, config: MemberConfig): number {
  return fenceExpiresAtUs + config.guardUs + FENCE_MAX_US * SLEW_MAX;
}

/** Tries again; an element that has run out needs no one to close it. */
export function retryClosing(turn: Turn): void {
  const { nowUs, config } = turn;
  if (turn.role.name !== 'closing') return;
  // What the successor said is too old by now.
  const role = { ...turn.role, handsTo: undefined };
  if (nowUs >= role.retryAtUs) turn.role = role;
  if (nowUs >= closedByItselfUs(role.fenceExpiresAtUs, config)) {
    finishClosing(turn);
  } else if (nowUs >= role.retryAtUs) {
    turn.role = { ...role, retryAtUs: nowUs + CLOSE_RETRY_US };
    turn.effects.push({ type: 'close-fence' });
  }
}

/** The fence is closed: the own vote is free again, and everyone may know (L5, L7). */
export function finishClosing(turn: Turn): void {
  const { role, config, nowUs } = turn;
  if (role.name !== 'closing') return;
  turn.register = release(turn.register, config.node, role.ballot);
  if (role.handsTo !== undefined) handVoteTo(turn, role.handsTo);
  turn.effects.push({ type: 'remove-addresses' });
  const successor = role.handsTo?.to ?? (role.after.kind === 'leave' ? bestSuccessor(turn) : role.after.invites);
  for (const peer of Object.values(turn.peers)) {
    peer.voteUntilUs = Number.NEGATIVE_INFINITY;
    peer.unackedSinceUs = undefined;
  }
  if (successor === undefined) {
    turn.effects.push({ type: 'send-release', ballot: role.ballot });
  } else {
    turn.effects.push({ type: 'send-transfer', ballot: role.ballot, to: successor });
  }
  turn.effects.push({ type: 'advertise-release' });
  giveWitnessVoteBack(turn);
  if (role.after.kind === 'stay') {
    const waitUs = role.cause === 'fence_refused' ? STAND_AGAIN_AFTER_FENCE_REFUSAL_US : 0;
    becomeBackup(turn, nowUs + Math.max(downUs(turn), waitUs), role.cause);
  } else if (successor === undefined) {
    become(turn, { name: 'stopped' }, 'left');
    turn.effects.push({ type: 'stopped' });
  } else {
    const { departs } = role.after;
    become(turn, { name: 'leaving', untilUs: nowUs + leavePatienceUs(departs), departs }, role.cause);
  }
}

function handVoteTo(turn: Turn, { to, ballot, promiseMs }: HandsTo): void {
  const { config, nowUs } = turn;
  const outcome = bind(turn.register, to, ballot, nowUs + promiseMs * 1000, nowUs);
  if (!outcome.ok) return;
  turn.register = outcome.register;
  const verdict = { kind: 'granted', group: config.group, ballot, promiseMs } as const;
  turn.effects.push({ type: 'send-verdict', to, verdict });
}

/** How long a leaver answers before it goes, in µs: two writes to disk need more time than a handover. */
export function leavePatienceUs(departs: boolean): number {
  return departs ? DEPART_PATIENCE_US : LEAVE_PATIENCE_US;
}
