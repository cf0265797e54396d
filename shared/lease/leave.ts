import { leavePatienceUs } from './holder.ts';
import { invite } from './invitation.ts';
import { boundTo, release } from './register.ts';
import { bestSuccessor, isHeard } from './successor.ts';
import { become, type Turn } from './turn.ts';
import { giveWitnessVoteBack } from './witness-vote.ts';

/** The process is asked to go: an owner hands over first, and `departs` leaves the vote behind for good (L17). */
export function stop(turn: Turn, departs: boolean): void {
  const { role, nowUs } = turn;
  switch (role.name) {
    case 'active':
      invite(turn, bestSuccessor(turn), 'stop', { kind: 'leave', departs });
      return;
    case 'closing':
      turn.role = { ...role, after: { kind: 'leave', departs } };
      return;
    case 'candidate':
      turn.register = release(turn.register, turn.config.node, role.ballot);
      turn.effects.push({ type: 'send-release', ballot: role.ballot });
      leave(turn);
      return;
    case 'backup':
      // The owner that this node votes for gets its vote for good before it goes.
      if (departs && isHeard(turn, boundTo(turn.register, nowUs)?.holder)) {
        become(turn, { name: 'leaving', untilUs: nowUs + leavePatienceUs(departs), departs }, 'stop');
      } else leave(turn);
      return;
    case 'initialize':
    case 'leaving':
      leave(turn);
      return;
    case 'stopped':
      return;
  }
}

/** Nothing is left to say. */
export function leave(turn: Turn): void {
  giveWitnessVoteBack(turn);
  become(turn, { name: 'stopped' }, 'left');
  turn.effects.push({ type: 'stopped' });
}
