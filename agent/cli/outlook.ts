import type { GroupStatus } from '../api/index.ts';
import { formatSpan } from './span.ts';

/** What would come of one failure, as things are now. */
export type Outlook = {
  /** Who is lost: a node, or `witness`. */
  readonly without: string;
  /** `a goes on` */
  readonly outcome: string;
  /** Whether somebody would own the group. */
  readonly good: boolean;
};

type Fate = Omit<Outlook, 'without'>;
type Vote = GroupStatus['quorum']['votes'][number];

/** Policy `bias`: promised while the witness was away. The usual promise is over at once. */
const LONG_PROMISE_MS = 10_000;

/** One for each neighbour of a group in mode "lease", and for the node that is asked; by nothing but what its status says. */
export function outlooksOf(group: GroupStatus, node: string): Outlook[] {
  if (group.mode !== 'lease' || group.owner === null) return [];
  const { owner, quorum } = group;
  return quorum.votes.map(({ voter }) => ({
    without: voter,
    ...(voter === owner ? ownerFails(group, node) : ownerWithout(group, voter)),
  }));
}

function ownerWithout(group: GroupStatus, failed: string): Fate {
  const { owner, policy, quorum } = group;
  const vote = quorum.votes.find(({ voter }) => voter === failed);
  if (vote?.state === 'departed' || canVote(group, failed) >= quorum.needed) {
    return { outcome: `${owner} goes on`, good: true };
  }
  const promisedMs = vote?.state === 'granted' ? (vote.remaining_ms ?? 0) : 0;
  if (promisedMs > LONG_PROMISE_MS) return { outcome: `${owner} goes on for ${formatSpan(promisedMs)}`, good: false };
  if (policy === 'available') return { outcome: `${owner} goes on, unprotected`, good: true };
  return { outcome: 'nobody owns it until a majority is back', good: false };
}

function ownerFails(group: GroupStatus, node: string): Fate {
  const heirs = group.peers.filter(({ node: peer, state }) => peer !== group.owner && state === 'heard');
  const isOwner = group.owner === node;
  if (!isOwner && group.role !== 'backup' && heirs.length === 0) {
    return { outcome: `nobody owns it: this node is in ${group.role}`, good: false };
  }
  if (isOwner && heirs.length === 0) return { outcome: 'nobody owns it: no other node is heard', good: false };
  if (canVote(group, group.owner) < group.quorum.needed) {
    return { outcome: 'nobody owns it until a majority is back', good: false };
  }
  const names = [...(isOwner || group.role !== 'backup' ? [] : [node]), ...heirs.map((peer) => peer.node)];
  const boundMs = Math.max(0, ...votesOfOthers(group, group.owner).map((vote) => vote.remaining_ms ?? 0));
  if (boundMs > LONG_PROMISE_MS) {
    return { outcome: `${names.join(' or ')} takes over after ${formatSpan(boundMs)}`, good: false };
  }
  return { outcome: `${names.join(' or ')} takes over`, good: true };
}

/** How many voters would be there without that one. */
function canVote(group: GroupStatus, without: string | null): number {
  return votesOfOthers(group, without).length;
}

function votesOfOthers({ quorum }: GroupStatus, without: string | null): Vote[] {
  return quorum.votes.filter((vote) => vote.voter !== without && isThere(vote));
}

function isThere({ state }: Vote): boolean {
  switch (state) {
    case 'granted':
    case 'bound_elsewhere':
    case 'free':
      return true;
    case 'unreachable':
    case 'quarantined':
    case 'departed':
      return false;
  }
}
