import { describe, expect, test } from 'vitest';
import type { CheckConfig, GroupConfig } from '../../../agent/config/index.ts';
import { refuseUnsafePrograms } from '../../../agent/engine/checks.ts';
import { missingFrom } from '../../../agent/kernel/capabilities.ts';
import { findAccount } from '../../../agent/kernel/index.ts';
import { commandCheck } from '../checks/checked.ts';
import { configOf, PLAIN } from '../config/example.ts';

function withCheck(check: CheckConfig): GroupConfig[] {
  return configOf(PLAIN).groups.map((group) => ({ ...group, checks: [check] }));
}

describe('commands of checks', () => {
  test('a user whom this host does not have ends the start, with what to do', () => {
    const check = { ...commandCheck('exit 0'), user: 'no-such-user' };
    expect(() => refuseUnsafePrograms(withCheck(check))).toThrow(
      'group edge, check service: this host has no user no-such-user; make the user (useradd --system no-such-user), or name another one',
    );
  });

  test('a user of this host is found by number', () => {
    expect(findAccount('root')).toEqual({ ok: true, value: { uid: 0, gid: 0 } });
    expect(() => refuseUnsafePrograms(withCheck({ ...commandCheck('exit 0'), user: 'root' }))).not.toThrow();
  });
});

test('capabilities are read from the effective set', () => {
  // What CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW leaves of root's.
  const status = 'CapInh:\t0000000000000000\nCapPrm:\t0000000000003000\nCapEff:\t0000000000003000\n';
  expect(missingFrom(status, ['CAP_SETUID', 'CAP_NET_ADMIN', 'CAP_KILL'])).toEqual(['CAP_SETUID', 'CAP_KILL']);
  expect(missingFrom('CapEff:\t000001ffffffffff\n', ['CAP_SETUID', 'CAP_SETGID'])).toEqual([]);
  expect(missingFrom('', ['CAP_SETUID'])).toEqual(['CAP_SETUID']);
});
