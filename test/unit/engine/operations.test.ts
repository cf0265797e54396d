import { setImmediate as afterEffects } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../../agent/api/index.ts';
import type { LeaseGroup } from '../../../agent/engine/lease-group.ts';
import { type OperatedAgent, operationsOn, type PlainGroup } from '../../../agent/engine/operations.ts';
import { HASH, INVITATION_US, ScriptedMember } from './scripted-group.ts';
import { VirtualTime } from './virtual-time.ts';

function owning(): ScriptedMember {
  const member = new ScriptedMember(new VirtualTime());
  member.own();
  return member;
}

const NO_FILE = { on: false, set: () => undefined };
const RELOADED: Outcome = { ok: true, detail: 'reloaded' };

const agent = (leases: readonly LeaseGroup[], plains: readonly PlainGroup[]): OperatedAgent => ({
  leases: () => leases,
  plains: () => plains,
  maintenance: NO_FILE,
  onPush: () => {},
  reload: async () => RELOADED,
});

describe('what an operator asks of the groups', () => {
  test('a handover names its successor, invites it, and closes the fence before it says so', async () => {
    const b = owning();
    b.hear('none', 1);
    expect(b.group.handOver('a')).toEqual({ ok: true, node: 'a' });
    expect(b.done()).toEqual(['send invite']);
    expect(b.role).toBe('active');
    b.time.pass(INVITATION_US - 1);
    b.done();
    b.time.pass(1);
    expect(b.done().slice(0, 2)).toEqual(['close', 'remove addresses']);
    expect(b.role).toBe('backup');
    await afterEffects();
    expect(b.told.at(-1)).toMatchObject({ group: 'edge', from: 'closing', to: 'backup', cause: 'handover' });
  });

  test('a handover that cannot be says why', () => {
    const b = new ScriptedMember(new VirtualTime());
    const operations = operationsOn(agent([b.group], []));
    expect(operations.handOver('edge', undefined)).toMatchObject({ ok: false, reason: 'refused' });
    const missing = operations.handOver('core', undefined);
    expect(missing).toMatchObject({ ok: false, reason: 'not_found' });
    expect(missing.detail).toContain('there is edge');
  });

  test('maintenance hands over what is owned, and says so in the claims', () => {
    const b = owning();
    const operations = operationsOn(agent([b.group], []));
    expect(operations.setMaintenance(true).ok).toBe(true);
    b.time.pass(INVITATION_US);
    expect(b.role).toBe('backup');
    expect(b.group.claim().priority).toBe(0);
    expect(operations.setMaintenance(false).ok).toBe(true);
    expect(b.group.claim().priority).toBe(100);
  });

  test('maintenance is also for the groups without votes', () => {
    const told: boolean[] = [];
    const fitness = { checks: [], report: () => true };
    const plain = { name: 'plain', config: { checks: [] }, fitness, setMaintenance: (on: boolean) => told.push(on) };
    const operations = operationsOn(agent([], [plain]));
    operations.setMaintenance(true);
    operations.setMaintenance(false);
    expect(told).toEqual([true, false]);
  });

  test('maintenance that cannot be recorded is not entered: after a restart nobody would know', () => {
    const b = owning();
    const operations = operationsOn({
      ...agent([b.group], []),
      maintenance: { on: false, set: () => 'no space left' },
    });
    expect(operations.setMaintenance(true)).toMatchObject({ ok: false, reason: 'refused' });
    expect(b.role).toBe('active');
  });

  test('a forced takeover frees the own vote', () => {
    const b = new ScriptedMember(new VirtualTime());
    b.time.pass(10_000_000);
    b.hear('owns', 5);
    expect(b.group.state.register.bound?.holder).toBe('a');
    expect(operationsOn(agent([b.group], [])).forceTakeover('edge')).toMatchObject({ ok: true });
    expect(b.role).toBe('candidate');
    expect(operationsOn(agent([b.group], [])).forceTakeover('edge')).toMatchObject({ ok: false });
  });

  test('a forced join of a node that has not departed is refused', () => {
    const b = owning();
    expect(operationsOn(agent([b.group], [])).forceJoin('edge')).toMatchObject({ ok: false, reason: 'refused' });
  });
});

describe('a peer that is configured differently (L16)', () => {
  test('in its settings is warned of, and its votes count', () => {
    const b = owning();
    b.hear('none', 1, { settings: '000000cc' });
    expect(b.group.faults).toEqual([expect.stringContaining('has other addresses, intervals or gateway')]);
    expect(b.role).toBe('active');
    b.hear('none', 1);
    expect(b.group.faults).toEqual([]);
  });

  test('in its identity gets no vote, and the status says why', () => {
    const b = owning();
    expect(b.hear('requests', 9, { configHash: HASH.replaceAll('a', 'b') })).toMatchObject({
      kind: 'refused',
      reason: 'config_mismatch',
    });
    expect(b.group.faults).toEqual([expect.stringContaining('neither votes for the other')]);
  });
});
