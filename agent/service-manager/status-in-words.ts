import type { GroupStatus } from '../api/index.ts';

/** One line for `systemctl status`: each group with its role. */
export function statusInWords(groups: readonly Pick<GroupStatus, 'name' | 'role' | 'owner' | 'protected'>[]): string {
  return groups.map((group) => `${group.name}: ${inWords(group)}`).join('; ');
}

function inWords({ role, owner, protected: isProtected }: Pick<GroupStatus, 'role' | 'owner' | 'protected'>): string {
  switch (role) {
    case 'active':
      return isProtected ? 'owner' : 'owner, unprotected';
    case 'backup':
      return owner === null ? 'backup, no owner known' : `backup of ${owner}`;
    case 'candidate':
      return 'stands for ownership';
    case 'initialize':
      return 'has just started, waits';
    case 'fault':
      return 'cannot own';
    case 'maintenance':
      return 'in maintenance';
  }
}
