import { randomBytes } from 'node:crypto';
import type { MemberConfig } from '@tiebreak/shared/lease';
import { skewTimeUs } from '@tiebreak/shared/vrrp';
import {
  type Config,
  configIdentity,
  configuredWitness,
  identityHash,
  type LeaseGroupConfig,
  type Secrets,
  settingsDigest,
} from '../config/index.ts';
import type { HistoryLog } from '../history/index.ts';
import { boottimeUs, kernelTickUs } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import type { KeptPromises } from '../state/kept-promises.ts';
import { openRegisterFile, type RegisterFile } from '../state/register-file.ts';
import type { StateFile } from '../state/state-file.ts';
import { SYSTEM_CLOCK } from './clock.ts';
import type { GroupIdentity } from './group-identity.ts';
import type { GroupStanding } from './group-standing.ts';
import type { KeptFence } from './kept-fence.ts';
import { LeaseGroup } from './lease-group.ts';
import type { LeaseRefresh } from './lease-refresh.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import type { WitnessInUse } from './witness-in-use.ts';

/** The version of what L16 calls the protocol: nodes that differ refuse each other's votes. */
const LEASE_PROTOCOL = 1;
/** How long before the lease's end the fence closes, in kernel ticks (DESIGN section 4). */
const GUARD_TICKS = 5;

/** The parts of the agent that a group in mode `lease` lives on. */
export type LeaseGroupSurroundings = {
  readonly setting: { readonly config: Config; readonly secrets: Secrets };
  readonly fence: KeptFence;
  readonly leaseRefresh: LeaseRefresh;
  readonly state: StateFile;
  readonly bootId: string;
  readonly standing: GroupStanding;
  readonly kept: KeptPromises;
  readonly identity: GroupIdentity;
  /** The group counts other votes than before (L16). */
  readonly identityChanged: () => void;
  /** It ran in this very process before. */
  readonly ranHere: boolean;
  /** CLOCK_BOOTTIME: it does not stand of its own accord before. */
  readonly standNotBeforeUs: number;
  readonly history: () => HistoryLog | undefined;
  readonly witness: () => Pick<WitnessInUse, 'link' | 'linkTo'> | undefined;
  /** As they are then. */
  readonly leaseGroups: () => readonly LeaseGroup[];
  readonly log: Logger;
};

export function openLeaseGroup(config: LeaseGroupConfig, around: LeaseGroupSurroundings): LeaseGroup {
  const {
    fence,
    identity,
    identityChanged,
    kept,
    leaseGroups,
    log,
    leaseRefresh,
    setting,
    standing,
    standNotBeforeUs,
    state,
    witness,
  } = around;
  // The vote of one witness never counts as another's, wherever the link leads while a change is under way (L16).
  const link = () => witness()?.linkTo(identity.witnessOf(group.state.config.configHash));
  const group = new LeaseGroup({
    config,
    fence,
    leaseRefresh,
    log,
    clock: SYSTEM_CLOCK,
    skewUsOf: skewOf(config),
    onHistory: (decision) => {
      around.history()?.add(decision);
      witness()?.link?.reportSoon();
    },
    standing,
    identity,
    identityChanged,
    member: {
      ...memberConfig(config, setting),
      standNotBeforeUs,
      usedCounter: state.usedCounter(config.name),
      seed: randomBytes(4).readInt32BE(0),
    },
    witness: {
      vote: (ballot, promiseMs) => link()?.vote(config.name, ballot, promiseMs),
      release: (ballot) => link()?.release(config.name, ballot),
      reachable: () => link()?.state().kind === 'connected',
    },
    ballots: {
      foresee: (counter) => state.foresee(config.name, counter),
      mayUse: (counter) => state.mayUse(config.name, counter),
    },
    register: openRegister(config.name, around),
    kept,
    fenceReplaced: (alsoClosed) => {
      for (const other of leaseGroups()) if (alsoClosed.includes(other.config.id)) other.fenceGone();
    },
  });
  return group;
}

/** What follows from the configuration alone. */
export function memberConfig(
  group: LeaseGroupConfig,
  { config, secrets }: LeaseGroupSurroundings['setting'],
): Omit<MemberConfig, 'standNotBeforeUs' | 'usedCounter' | 'seed'> {
  return {
    node: config.node,
    group: group.name,
    peers: group.peers.map((peer) => peer.node),
    witness: configuredWitness(config, secrets) !== null,
    policy: group.policy,
    intervalUs: group.intervalUs,
    priority: group.priority,
    skewUs: skewOf(group)(group.priority),
    preemptDelayUs: group.preempt ? group.preemptDelayUs : undefined,
    settings: settingsDigest(group),
    configHash: identityHash(identityText(group, { config, secrets })),
    guardUs: GUARD_TICKS * kernelTickUs(),
  };
}

/** What the group's config hash is made of (L16). */
export function identityText(group: LeaseGroupConfig, { config, secrets }: LeaseGroupSurroundings['setting']): string {
  const witness = configuredWitness(config, secrets);
  return configIdentity(group, { node: config.node, witness, protocol: LEASE_PROTOCOL });
}

/** RFC 9568 Skew_Time in µs of a priority. */
export function skewOf({ virtualRouters: [first], intervalUs }: LeaseGroupConfig): (priority: number) => number {
  if (first === undefined) throw new Error('a lease group has a virtual router');
  return (priority) => skewTimeUs(first.version, priority, intervalUs);
}

/** The fence is up by now: no earlier run writes there any more. */
function openRegister(group: string, { bootId, log, ranHere, setting, state }: LeaseGroupSurroundings): RegisterFile {
  const complaints = new RateLimitedLog(log);
  const { incarnation } = state;
  // A group that was here before, and is back after a reload, goes by what this very run has left (L9).
  const previous = ranHere ? { incarnation, bootId } : state.previous;
  return openRegisterFile({
    runDir: setting.config.runDir,
    group,
    bootId,
    incarnation,
    previous,
    nowUs: boottimeUs(),
    onProblem: (text) => complaints.warn('run_dir', { group }, text),
  });
}
