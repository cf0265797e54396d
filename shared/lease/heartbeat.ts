import type { Claim } from './claim.ts';
import type { MemberState } from './member.types.ts';
import { promiseUs } from './turn.ts';

/** What this node says of the group in its heartbeats (L3). */
export function claimOf({ config, role, register, witness }: MemberState): Claim {
  const said = { group: config.group, configHash: config.configHash, promiseMs: promiseUs(config) / 1000 };
  switch (role.name) {
    case 'active':
      return config.policy.name === 'bias' && witness.lost
        ? { ...said, kind: 'owns', ballot: role.ballot, witnessLost: true }
        : { ...said, kind: 'owns', ballot: role.ballot };
    case 'candidate':
      return { ...said, kind: 'requests', ballot: role.ballot };
    case 'initialize':
    case 'backup':
    case 'closing':
    case 'leaving':
    case 'stopped':
      return { ...said, kind: 'none', ballot: register.highestGranted };
  }
}
