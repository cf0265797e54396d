/**
 * L16: a group goes over to another identity, that is to another witness or policy, while it is owned. The agents stay the
 * same, and so it takes one stage between the old rule and the new one, in which the agents alone vote:
 *
 * 1. `announced`: the node goes by the old identity, and says which one it has been configured for.
 * 2. `joint`, once every peer has said the same, or one is joint already: a majority of the agents is needed, and the witness
 *    has no vote. A node writes that down before it says so, and never goes back.
 * 3. The new identity, once every peer is known to be joint with it.
 *
 * A majority of the agents has one in common with every majority of the old voters and with every one of the new voters,
 * since at most one voter of either is no agent, and it is never less than either asks for. Nobody goes by the new
 * identity while somebody goes by the old one: all are joint in between, after any restart too. So of two owners' votes
 * one would always have been given twice, which no register does (L1). Changes are numbered, so that what was said during
 * one of them means nothing in a later one that leads back.
 *
 * Nodes that are configured for one identity and then for another one may become joint with different ones. Whoever is joint
 * with the lower one goes over to the higher one, in the order of their hashes, and never the other way: the first that was
 * joint with the highest one was joint with no lower one before, so that not all have ever been joint with that, and nobody
 * has taken it on. A node that is configured for yet another one passes through, and counts no witness's vote there: its
 * own link leads to the witness that it is configured for.
 */
import type { Claim } from './claim.ts';
import type { MemberConfig, MemberState, PeerView } from './member.types.ts';
import { downUs, type Turn } from './turn.ts';

/** What of the configuration makes a group's identity, and may change while the group is owned. */
export type Identity = Pick<MemberConfig, 'configHash' | 'witness' | 'policy'>;

/** The identity that the node goes by, with the number of changes that led to it, and the one that it is joint with. */
export type IdentityRecord = {
  readonly generation: number;
  readonly agreed: Identity;
  readonly joint: Identity | undefined;
};

export type IdentityChange = {
  readonly from: Identity;
  readonly to: Identity;
} & (
  | { readonly stage: 'announced' }
  | {
      readonly stage: /** is being written down as joint; from here on there is no way back */
        | 'writing'
        /** is written down, and waits until nothing rests on the witness's vote */
        | 'written';
    }
  | {
      readonly stage: 'joint';
      /** the higher one that a peer is joint with: is being written down in the place of `to` */
      readonly instead?: Identity;
    }
);

/** Whether a claim is made under an identity whose votes have to do with those of this one: L16 refuses every other. */
export function isAgreed(
  { configHash, change }: { readonly configHash: string; readonly change: IdentityChange | undefined },
  claim: Pick<Claim, 'configHash' | 'next'>,
): boolean {
  if (claim.configHash === configHash) return true;
  // One of the two is joint; the other has known that before it took on the new identity.
  if (change?.stage === 'joint' && claim.configHash === change.to.configHash) return true;
  return claim.next?.joint === true && claim.next.configHash === configHash;
}

export function agrees({ config: { configHash }, change }: Turn, claim: Claim): boolean {
  return isAgreed({ configHash, change }, claim);
}

/** What this node's claims say of it. */
export function saidOf({ change, generation }: MemberState): Pick<Claim, 'next' | 'generation'> {
  return {
    ...(generation === 0 ? {} : { generation }),
    ...(change === undefined ? {} : { next: { configHash: change.to.configHash, joint: change.stage === 'joint' } }),
  };
}

/** A node that has started goes by the identity that it went by before, joint if it was, and not by what it finds configured. */
export function identityAtStart(
  configured: MemberConfig,
  found: IdentityRecord | undefined,
): Pick<MemberState, 'config' | 'wanted' | 'change' | 'generation'> {
  const wanted = identityOf(configured);
  if (found === undefined) return { config: configured, wanted, change: undefined, generation: 0 };
  const { generation, agreed, joint } = found;
  // The same identity may be configured in another way: bias_promise is no part of it.
  const config = agreed.configHash === wanted.configHash ? configured : { ...configured, ...agreed };
  if (joint === undefined) return { config, wanted, change: undefined, generation };
  const change = { from: identityOf(config), to: joint, stage: 'joint' } as const;
  return { config: withoutWitness(config), wanted, change, generation };
}

/** The node has been configured anew: all but the identity counts at once. */
export function configure(turn: Turn, configured: MemberConfig): void {
  const { change, config } = turn;
  turn.wanted = identityOf(configured);
  const agreed = change?.from ?? identityOf(config);
  // On a way of no return the link stays where it leads to, which may be another witness.
  const isSame = !isBound(change) && agreed.configHash === configured.configHash;
  turn.config = { ...configured, ...(isSame ? {} : agreed) };
  if (change?.stage === 'joint') turn.config = withoutWitness(turn.config);
}

/** Goes for the identity that the node is configured for, unless it has begun to be joint with one: that comes first. */
function aim(turn: Turn): void {
  const { change, config, wanted } = turn;
  if (isBound(change) || (change?.to ?? config).configHash === wanted.configHash) return;
  const from = change?.from ?? identityOf(config);
  turn.change = wanted.configHash === from.configHash ? undefined : { from, to: wanted, stage: 'announced' };
  turn.effects.push({ type: 'send-heartbeat' });
}

/** A peer that is joint never goes back, whatever this node has been configured for since it announced that identity. */
function follow(turn: Turn): void {
  const { change, config } = turn;
  const highest = highestJoint(turn);
  if (highest === undefined) return;
  const from = change?.from ?? identityOf(config);
  const to = [turn.wanted, ...(change === undefined ? [] : [change.to])].find((known) => known.configHash === highest);
  const target = to ?? { ...from, configHash: highest, witness: false };
  if (!isBound(change)) {
    turn.change = { from, to: target, stage: 'writing' };
    writeJoint(turn, from, target);
  } else if (change.stage === 'joint' && highest > (change.instead ?? change.to).configHash) {
    turn.change = { ...change, instead: target };
    writeJoint(turn, from, target);
  }
}

/** Of the identities that peers are joint with, during this change. */
function highestJoint({ generation, peers }: Turn): string | undefined {
  let highest: string | undefined;
  for (const node in peers) {
    const said = peers[node]?.said;
    if (said?.next?.joint !== true || said.generation !== generation) continue;
    if (highest === undefined || said.next.configHash > highest) highest = said.next.configHash;
  }
  return highest;
}

function isBound(change: IdentityChange | undefined): change is Exclude<IdentityChange, { stage: 'announced' }> {
  return change !== undefined && change.stage !== 'announced';
}

function writeJoint({ effects, generation }: Turn, agreed: Identity, joint: Identity): void {
  effects.push({ type: 'persist-identity', record: { generation, agreed, joint } });
}

/** A peer's claim, as far as it concerns this. */
export function noteIdentity(turn: Turn, peer: PeerView, { configHash, next, generation = 0 }: Claim): void {
  const { config, change } = turn;
  peer.said = { configHash, next, generation };
  // Whoever has lost its state_dir counts its changes from the others' number on.
  const isSame = configHash === config.configHash;
  const isAhead = next?.configHash === config.configHash;
  const atLeast = isSame ? generation : isAhead ? generation + 1 : 0;
  if (!isBound(change)) turn.generation = Math.max(turn.generation, atLeast);
}

/** Does the next step as soon as every peer has done the one before. */
export function pursueIdentityChange(turn: Turn): void {
  follow(turn);
  aim(turn);
  const { change, config } = turn;
  if (change === undefined) return;
  switch (change.stage) {
    case 'announced':
      if (!Object.values(turn.peers).every((peer) => hasAnnounced(turn, peer, change.to))) return;
      turn.change = { ...change, stage: 'writing' };
      writeJoint(turn, change.from, change.to);
      return;
    case 'writing':
      return;
    case 'written':
      if (!isFreeOfTheWitness(turn)) return;
      turn.change = { ...change, stage: 'joint' };
      turn.config = withoutWitness(config);
      turn.effects.push({ type: 'identity-changed' }, { type: 'send-heartbeat' });
      return;
    case 'joint':
      if (Object.values(turn.peers).every((peer) => isJoint(turn, peer, change.to))) takeIdentity(turn, change.to);
      return;
  }
}

/** The peers that have not done yet what the next step waits for. */
export function identityChangeWaitsFor(state: MemberState, nowUs: number): string[] {
  const { change, config } = state;
  if (change === undefined) return [];
  const shows = change.stage === 'joint' ? isJoint : hasAnnounced;
  return config.peers.filter((node) => {
    const peer = state.peers[node];
    return peer === undefined || !shows({ ...state, nowUs }, peer, change.to);
  });
}

export function noteJointWritten(turn: Turn, configHash: string): void {
  const { change } = turn;
  if (change?.stage === 'writing' && change.to.configHash === configHash) turn.change = { ...change, stage: 'written' };
  if (change?.stage !== 'joint' || change.instead?.configHash !== configHash) return;
  turn.change = { from: change.from, to: change.instead, stage: 'joint' };
  turn.effects.push({ type: 'identity-changed' }, { type: 'send-heartbeat' });
}

function takeIdentity(turn: Turn, joint: Identity): void {
  // The same identity may be configured in another way since.
  const to = turn.wanted.configHash === joint.configHash ? turn.wanted : { ...joint, witness: false };
  turn.config = { ...turn.config, ...to };
  turn.change = undefined;
  turn.generation += 1;
  // What another witness has refused says nothing of this one.
  turn.witness.refusal = undefined;
  turn.witness.nextAskUs = Number.NEGATIVE_INFINITY;
  const record = { generation: turn.generation, agreed: to, joint: undefined };
  turn.effects.push({ type: 'persist-identity', record }, { type: 'identity-changed' }, { type: 'send-heartbeat' });
}

function identityOf({ configHash, witness, policy }: MemberConfig): Identity {
  return { configHash, witness, policy };
}

function withoutWitness(config: MemberConfig): MemberConfig {
  return { ...config, witness: false };
}

/** Whether nothing that this node does rests on the witness's vote, or may come to. */
function isFreeOfTheWitness({ role, witness }: Turn): boolean {
  if (role.name === 'initialize' || role.name === 'backup') return true;
  return role.name === 'active' && witness.asked === undefined && !role.restsOnWitness;
}

type Seen = Pick<Turn, 'config' | 'fitness' | 'generation' | 'nowUs'>;

/** It will follow; and it is there, for without it nobody may own until it is back. */
function hasAnnounced(turn: Seen, { said, heardAtUs }: PeerView, to: Identity): boolean {
  if (said === undefined || heardAtUs + downUs(turn) < turn.nowUs) return false;
  if (said.generation > turn.generation) return said.configHash === to.configHash;
  return said.generation === turn.generation && said.next?.configHash === to.configHash;
}

/** For good, so that it does not matter how long ago it has said so. */
function isJoint(turn: Seen, { said }: PeerView, to: Identity): boolean {
  if (said === undefined) return false;
  if (said.generation > turn.generation) return said.configHash === to.configHash;
  return said.generation === turn.generation && said.next?.configHash === to.configHash && said.next.joint;
}
