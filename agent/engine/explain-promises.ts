/** In a person's words: promises that outlive the process (policy `bias`, L17), and what policy `available` gives up. */
import { boundTo, KAPPA, type MemberState, ownsUnprotected, PROMISE_MAX_MS } from '@tiebreak/shared/lease';
import type { Told } from './explain.ts';

/** No promise but a long one is believed for longer than this. */
const LONG_BELIEF_US = KAPPA * PROMISE_MAX_MS * 1000;

/** The log lines of what has changed about them in one step. */
export function explainPromises(before: MemberState, after: MemberState): Told[] {
  const { group } = after.config;
  const info = (text: string): Told => ({ level: 'info', fields: { group }, text: `${group}: ${text}` });
  const told: Told[] = [];
  const [was, is] = [before.kept.written, after.kept.written];
  if (is !== was) {
    if (is?.kind === 'bias' && was?.kind !== 'bias') {
      const seconds = is.durationUs / 1_000_000;
      const promise = `this node promises its vote to ${is.holder} for ${seconds} s at a time`;
      told.push(
        info(`the witness is out of reach, so ${promise}: ${is.holder} stays the owner should the link be cut`),
      );
    } else if (is?.kind === 'departed') {
      told.push(info(`this node leaves its vote to ${is.holder} until it has come back and ${is.holder} hears it`));
    } else if (was?.kind === 'bias' && is === undefined) {
      told.push(info(`the long promise to ${was.holder} has ended`));
    } else if (was?.kind === 'departed') {
      told.push(info(`this node's vote, left to ${was.holder}, is its own again`));
    }
  }
  const [counted, counts] = [before.departed.vote, after.departed.vote];
  if (counts?.counts === true && counted !== counts) {
    const voter = counts.voter;
    told.push(
      info(`${voter} has left its vote to this node: it counts, with or without the witness, until ${voter} is back`),
    );
  } else if (counted?.counts === true && counts?.counts === false) {
    told.push(info(`${counts.voter} is back: its departed vote counts no more, its acks do`));
  }
  return told;
}

/** Policy `available`: there may be two owners from now on, or no longer. */
export function explainProtection({ config, role }: MemberState, unprotected: boolean): Told {
  const { group } = config;
  const fields = { group, protected: !unprotected };
  if (unprotected) {
    const text = `${group}: this node owns without a majority (policy available): another node may own too`;
    return { level: 'warn', fields, text };
  }
  const because = role.name === 'active' ? 'a majority votes for this node again' : 'this node owns no longer';
  return { level: 'info', fields, text: `${group}: ${because}: it is protected` };
}

/** Why the status is not what one would expect, as far as promises and the policy explain it. */
export function promiseReasons(state: MemberState, nowUs: number): string[] {
  return [...keptReason(state, nowUs), ...heldReason(state, nowUs), ...availableReason(state, nowUs)];
}

function keptReason({ kept, register, role }: MemberState, nowUs: number): string[] {
  const { written } = kept;
  if (written === undefined || role.name === 'stopped') return [];
  const { holder } = written;
  if (written.kind === 'departed') {
    if (role.name === 'leaving') return [];
    return [
      `has left its vote to ${holder} when it was stopped: ${holder} frees it when the two hear each other; if ${holder} is gone for good, 'tiebreak join --force' does`,
    ];
  }
  const bound = boundTo(register, nowUs);
  if (bound?.holder !== holder) return [];
  const seconds = Math.ceil((bound.untilUs - nowUs) / 1_000_000);
  return [
    `has promised its vote to ${holder} for ${seconds} s more, because the witness was out of reach (policy bias); if ${holder} is gone for good, 'tiebreak takeover --force' frees it`,
  ];
}

function heldReason({ config, peers, role }: MemberState, nowUs: number): string[] {
  if (config.policy.name !== 'bias' || role.name !== 'active') return [];
  return Object.entries(peers).flatMap(([peer, { voteUntilUs }]) => {
    if (voteUntilUs <= nowUs + LONG_BELIEF_US) return [];
    const seconds = Math.floor((voteUntilUs - nowUs) / 1_000_000);
    return [
      `${peer} has promised its vote for long (policy bias): should the link be cut, this node stays for ${seconds} s`,
    ];
  });
}

function availableReason(state: MemberState, nowUs: number): string[] {
  if (state.config.policy.name !== 'available') return [];
  return ownsUnprotected(state, nowUs)
    ? ['policy available: owns without a majority, so another node may own too']
    : ['policy available: goes to two owners while the nodes cannot hear each other'];
}
