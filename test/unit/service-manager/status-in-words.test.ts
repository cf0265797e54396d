import { expect, test } from 'vitest';
import { statusInWords } from '../../../agent/service-manager/index.ts';

test('each group with its role, in one line', () => {
  const protectedGroup = { protected: true, owner: null };
  expect(
    statusInWords([
      { ...protectedGroup, name: 'edge', role: 'active', owner: 'a' },
      { ...protectedGroup, name: 'web', role: 'backup', owner: 'b' },
      { ...protectedGroup, name: 'db', role: 'backup' },
      { ...protectedGroup, name: 'mail', role: 'initialize' },
      { name: 'old', role: 'active', owner: 'a', protected: false },
    ]),
  ).toBe(
    'edge: owner; web: backup of b; db: backup, no owner known; mail: has just started, waits; old: owner, unprotected',
  );
});
