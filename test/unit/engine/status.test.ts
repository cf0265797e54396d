import { describe, expect, test } from 'vitest';
import { leaseGroupStatus } from '../../../agent/engine/status.ts';
import { INTERVAL_US, INVITATION_US, ScriptedMember } from './scripted-group.ts';
import { VirtualTime } from './virtual-time.ts';

function statusOf(member: ScriptedMember) {
  return leaseGroupStatus(member.group, [member.end.link], undefined, member.time.nowUs());
}

function member(): ScriptedMember {
  return new ScriptedMember(new VirtualTime());
}

describe('the status of a lease group', () => {
  test('just started: initialize, quarantined, and why', () => {
    const status = statusOf(member());
    expect(status).toMatchObject({
      role: 'initialize',
      protected: true,
      owner: null,
      fence: { level: 'full', open: false, expires_in_ms: null },
      virtual_routers: [{ state: 'initialize', addresses: ['192.0.2.100/24'], advertisement_interval_ms: 100 }],
    });
    expect(status.reason).toContain('has just started');
    expect(status.quorum.votes[0]).toEqual({ voter: 'b', state: 'quarantined', remaining_ms: 10_000 });
  });

  test('the owner: its own vote without end, the votes that it counts, the fence as the kernel has it', () => {
    const b = member();
    b.own();
    expect(statusOf(b)).toMatchObject({
      role: 'active',
      owner: 'b',
      reason: null,
      ballot: { counter: 1, node: 'b' },
      quorum: { needed: 2, held: 2 },
      fence: { open: true },
      virtual_routers: [{ state: 'active' }],
    });
    expect(statusOf(b).quorum.votes).toMatchObject([
      { voter: 'b', state: 'granted', remaining_ms: null },
      { voter: 'a', state: 'granted' },
      { voter: 'witness' },
    ]);
  });

  test('a backup names the owner that it hears, also during its own quarantine, and forgets it in silence', () => {
    const b = member();
    b.hear('owns', 7);
    expect(statusOf(b)).toMatchObject({ role: 'initialize', owner: 'a' });
    b.time.pass(10_100_000);
    expect(statusOf(b)).toMatchObject({ role: 'backup', owner: null });
    b.hear('owns', 7);
    expect(statusOf(b)).toMatchObject({ role: 'backup', owner: 'a', ballot: { counter: 7, node: 'a' } });
    expect(statusOf(b).quorum.votes).toMatchObject([{ state: 'bound_elsewhere' }, { state: 'bound_elsewhere' }, {}]);
  });

  test('a way to the witness that leads through the peer is a reason to look', () => {
    const b = member();
    b.own();
    const wrong = 'the way to the witness leads through 192.0.2.1, node a';
    const status = leaseGroupStatus(b.group, [b.end.link], undefined, b.time.nowUs(), wrong);
    expect(status.reason).toBe(wrong);
  });

  test('a vote for a candidate does not make it the owner', () => {
    const b = member();
    b.time.pass(10_100_000);
    b.hear('requests', 7);
    expect(statusOf(b)).toMatchObject({ owner: null, quorum: { votes: [{ state: 'bound_elsewhere' }, {}, {}] } });
  });

  test('an owner that stops owning is not named any more', () => {
    const b = member();
    b.hear('owns', 7);
    b.hear('none', 7);
    expect(statusOf(b).owner).toBeNull();
  });

  test('while closing fails the fence is shown open, with the reason', () => {
    const b = member();
    b.own();
    b.fence.closing = { confirmed: false, text: 'nothing came back' };
    void b.group.stop();
    b.time.pass(INVITATION_US);
    const status = statusOf(b);
    expect(status).toMatchObject({ role: 'backup', owner: null, fence: { open: true } });
    expect(status.reason).toContain('waits for the kernel to confirm that the fence is closed');
  });

  test('an address that could not be added is a reason to look, not a silent owner', () => {
    const b = member();
    b.own();
    b.faults = ['192.0.2.100 could not be added: no such interface'];
    expect(statusOf(b)).toMatchObject({ role: 'active', reason: '192.0.2.100 could not be added: no such interface' });
  });

  test('a peer is heard or silent, path by path', () => {
    const b = member();
    b.hear('none', 0);
    expect(statusOf(b).peers).toEqual([
      {
        node: 'a',
        state: 'heard',
        configuration: 'same',
        paths: [{ address: '10.0.0.a', heard_ms_ago: null, rtt_ms: null }],
      },
    ]);
    b.time.pass(2 * INTERVAL_US);
    expect(statusOf(b).peers[0]?.state).toBe('silent');
  });
});
