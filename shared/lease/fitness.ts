/**
 * What a node may stand with: its priority with the weights of its checks, or nothing at all while a link, a check or an
 * operator forbids. It never concerns the node's vote, which it owes the others in any case.
 */
import { giveUpCandidacy } from './candidate.ts';
import type { Claim } from './claim.ts';
import { startClosing } from './holder.ts';
import { agrees } from './identity-change.ts';
import { invite } from './invitation.ts';
import type { Fitness, MemberState } from './member.types.ts';
import { bestSuccessor, successorOf } from './successor.ts';
import { downUs, type Turn } from './turn.ts';

/** An owner of a few seconds does not yield to preemption: what makes owners change must not make them alternate. */
const TENURE_MIN_US = 10_000_000;

export function isFit({ fitness }: Turn | MemberState): boolean {
  return fitness.unfit === undefined;
}

/** When a backup stands, in µs; Infinity while it may not. */
export function standDueUs({ role, fitness, config }: Turn | MemberState): number {
  if (role.name !== 'backup' || fitness.unfit !== undefined) return Number.POSITIVE_INFINITY;
  const invited = role.standBecause === 'transferred' || role.standBecause === 'forced';
  return invited ? role.standAtUs : Math.max(role.standAtUs, config.standNotBeforeUs);
}

export function changeFitness(turn: Turn, fitness: Fitness): void {
  const before = turn.fitness;
  turn.fitness = fitness;
  const { unfit } = fitness;
  if (unfit !== before.unfit || fitness.priority !== before.priority) turn.effects.push({ type: 'send-heartbeat' });
  if (unfit === undefined) {
    // What the timer says of the time in which the node could not have owned means nothing.
    const { role } = turn;
    const standAtUs = turn.nowUs + downUs(turn);
    if (before.unfit !== undefined && role.name === 'backup') {
      turn.role = { ...role, standAtUs: Math.max(role.standAtUs, standAtUs) };
    }
    return;
  }
  endUnfitOwnership(turn);
  const { role } = turn;
  if (role.name === 'candidate' && !role.opening) giveUpCandidacy(turn, unfit);
  else if (role.name === 'backup') turn.role = { ...role, superiorSinceUs: undefined, wants: false, ready: undefined };
}

/** An owner that may not own hands over, or gives the group up if nobody else can own it either. */
export function endUnfitOwnership(turn: Turn): void {
  const { unfit } = turn.fitness;
  if (unfit === undefined) return;
  const successor = bestSuccessor(turn);
  const after = { kind: 'stay', invites: successor } as const;
  // Without its link it answers nobody: there is nothing to go on with until the successor is ready.
  if (unfit === 'link_lost') startClosing(turn, unfit, after);
  else invite(turn, successor, unfit, after);
}

/** An operator has the owner hand over. */
export function handOver(turn: Turn, to: string | undefined): void {
  const successor = successorOf(turn, to);
  if (successor.ok) invite(turn, successor.node, 'handover', { kind: 'stay', invites: successor.node });
}

/** Preemption, the backup's side: whether its claims ask the owner that it hears for the group. */
export function noteOwnerPriority(turn: Turn, claim: Claim): void {
  const { role, fitness, config, nowUs } = turn;
  if (role.name !== 'backup') return;
  const isSuperior =
    fitness.unfit === undefined && fitness.priority > claim.priority && nowUs >= config.standNotBeforeUs;
  const superiorSinceUs = isSuperior ? (role.superiorSinceUs ?? nowUs) : undefined;
  const { preemptDelayUs } = config;
  const wants =
    superiorSinceUs !== undefined && preemptDelayUs !== undefined && nowUs - superiorSinceUs >= preemptDelayUs;
  turn.role = { ...role, superiorSinceUs, wants };
}

/** Preemption, the owner's side. */
export function yieldToSuperior(turn: Turn, from: string, claim: Claim): void {
  const { role, fitness, nowUs } = turn;
  if (role.name !== 'active' || claim.wants !== true || !agrees(turn, claim)) return;
  if (claim.priority <= fitness.priority || nowUs < role.sinceUs + TENURE_MIN_US) return;
  if (successorOf(turn, from).ok) invite(turn, from, 'preempted', { kind: 'stay', invites: from });
}
