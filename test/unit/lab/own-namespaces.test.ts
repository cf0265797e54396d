import { expect, test } from 'vitest';
import { refusalInWords } from '../../lab/own-namespaces.ts';

test.each([
  [{ 'kernel/unprivileged_userns_clone': '0' }, /kernel\.unprivileged_userns_clone = 0/],
  [{ 'user/max_user_namespaces': '0', 'kernel/unprivileged_userns_clone': '1' }, /user\.max_user_namespaces = 0/],
  [{ 'kernel/apparmor_restrict_unprivileged_userns': '1' }, /apparmor_restrict_unprivileged_userns = 1/],
  [{ 'kernel/apparmor_restrict_unprivileged_userns': '0' }, /\(unshare: not permitted\)/],
])('a host that gives no namespaces to users is told apart by its settings: %o', (settings, expected) => {
  expect(refusalInWords(settings, 'unshare: not permitted')).toMatch(expected);
});
