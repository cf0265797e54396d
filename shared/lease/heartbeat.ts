import type { Claim } from './claim.ts';
import { saidOf } from './identity-change.ts';
import type { MemberState } from './member.types.ts';
import { highestKnown, promiseUs } from './turn.ts';

/** What this node says of the group in its heartbeats (L3). */
export function claimOf(state: MemberState): Claim {
  const { config, role, witness, fitness } = state;
  const { group, configHash, settings } = config;
  const priority = fitness.unfit === undefined ? fitness.priority : 0;
  const said = { group, configHash, settings, priority, promiseMs: promiseUs(config) / 1000, ...saidOf(state) };
  switch (role.name) {
    case 'active':
      return config.policy.name === 'bias' && witness.lost
        ? { ...said, kind: 'owns', ballot: role.ballot, witnessLost: true }
        : { ...said, kind: 'owns', ballot: role.ballot };
    case 'candidate':
      return { ...said, kind: 'requests', ballot: role.ballot };
    case 'backup': {
      if (role.ready !== undefined) return { ...said, kind: 'ready', ballot: role.ready.ballot };
      const none = { ...said, kind: 'none', ballot: highestKnown(state) } as const;
      return role.wants ? { ...none, wants: true } : none;
    }
    case 'initialize':
    case 'closing':
    case 'leaving':
    case 'stopped':
      return { ...said, kind: 'none', ballot: highestKnown(state) };
  }
}
