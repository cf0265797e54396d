import type { MemberState, PeerView } from './member.types.ts';

/** Who can own the group next, or why nobody whom the owner could invite. */
export type Successor =
  | { readonly ok: true; readonly node: string }
  | {
      readonly ok: false;
      readonly reason: 'not_owner' | NotInvited;
      /** undefined: none of several */
      readonly node: string | undefined;
    };

/** `not_voting`: it has not granted this owner its vote lately, and may be in its quarantine. */
type NotInvited = 'not_a_peer' | 'not_heard' | 'unfit' | 'not_voting';

type Now = Pick<MemberState, 'config' | 'role' | 'peers'> & { readonly nowUs: number };

/** Whom an owner would hand over to: `to`, or of the peers that are fit and vote the one of highest priority. */
export function successorOf(now: Now, to: string | undefined): Successor {
  if (now.role.name !== 'active') return { ok: false, reason: 'not_owner', node: undefined };
  const nodes = to === undefined ? Object.keys(now.peers) : [to];
  const best = highestPriority(now, (node) => whyNot(now, node) === undefined, nodes);
  if (best !== undefined) return { ok: true, node: best };
  const [only, second] = nodes;
  if (only === undefined || second !== undefined) return { ok: false, reason: 'not_heard', node: undefined };
  return { ok: false, reason: whyNot(now, only) ?? 'not_heard', node: only };
}

/** Whom to invite when the owner goes in any case: one that is fit, if possible past its quarantine. */
export function bestSuccessor(now: Now): string | undefined {
  const isFit = (node: string, peer: PeerLike): boolean => isHeard(now, node) && peer.priority > 0;
  return (
    highestPriority(now, (node, peer) => isFit(node, peer) && peer.voteUntilUs > now.nowUs) ??
    highestPriority(now, isFit)
  );
}

/** Heard within the last two intervals. */
export function isHeard({ peers, nowUs, config }: Now, node: string | undefined): boolean {
  const heardAtUs = node === undefined ? undefined : peers[node]?.heardAtUs;
  return heardAtUs !== undefined && heardAtUs >= nowUs - 2 * config.intervalUs;
}

type PeerLike = Readonly<PeerView>;

function whyNot(now: Now, node: string): NotInvited | undefined {
  const peer = now.peers[node];
  if (peer === undefined) return 'not_a_peer';
  if (!isHeard(now, node)) return 'not_heard';
  if (peer.priority === 0) return 'unfit';
  return peer.verdict?.kind === 'granted' ? undefined : 'not_voting';
}

function highestPriority(
  { peers }: Now,
  isEligible: (node: string, peer: PeerLike) => boolean,
  nodes: readonly string[] = Object.keys(peers),
): string | undefined {
  let best: string | undefined;
  for (const node of nodes) {
    const peer = peers[node];
    if (peer === undefined || !isEligible(node, peer)) continue;
    if (best === undefined || peer.priority > (peers[best]?.priority ?? 0)) best = node;
  }
  return best;
}
