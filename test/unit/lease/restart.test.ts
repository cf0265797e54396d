import { boundTo, type FoundAtStart, type RegisterRecord } from '@tiebreak/shared/lease';
import { describe, expect, test } from 'vitest';
import { backup, INTERVAL_US, Machine, PROMISE_US } from './machine.ts';

const A5 = { counter: 5, node: 'a' };
const NONE = { counter: 0, node: '' };
const SECOND_US = 1_000_000;

function record(more: Partial<RegisterRecord> = {}): RegisterRecord {
  return { holder: 'a', ballot: A5, endUs: 4 * SECOND_US, highestGranted: A5, released: NONE, ...more };
}

function found(more: Partial<RegisterRecord> = {}): FoundAtStart {
  return { register: { kind: 'recorded', record: record(more) } };
}

function lastVerdict(machine: Machine): string | undefined {
  const verdict = machine.told('send-verdict').at(-1)?.verdict;
  return verdict?.kind === 'refused' ? verdict.reason : verdict?.kind;
}

describe('a restarted agent (L9)', () => {
  test('with a record acks the recorded holder at once, at the recorded ballot and above', () => {
    const machine = new Machine({ usedCounter: 1000 }, found());
    machine.hear('owns', A5);
    expect(lastVerdict(machine)).toBe('granted');
    machine.hear('requests', { counter: 7, node: 'a' });
    expect(lastVerdict(machine)).toBe('granted');
  });

  test('with a record acks nobody else before the recorded end, nor the holder below the recorded ballot', () => {
    const machine = new Machine({ peers: ['a', 'c'] }, found());
    machine.hear('requests', { counter: 4, node: 'a' });
    expect(lastVerdict(machine)).toBe('lower_ballot');
    const claim = {
      group: 'edge',
      kind: 'requests',
      configHash: machine.state.config.configHash,
      promiseMs: 2500,
      priority: 100,
      settings: '000000bb',
    } as const;
    machine.nowUs = 4 * SECOND_US - 1;
    machine.step({ type: 'claim', from: 'c', claim: { ...claim, ballot: { counter: 9, node: 'c' } } });
    expect(lastVerdict(machine)).toBe('bound');
    machine.nowUs = 4 * SECOND_US;
    machine.step({ type: 'claim', from: 'c', claim: { ...claim, ballot: { counter: 9, node: 'c' } } });
    expect(lastVerdict(machine)).toBe('granted');
  });

  test('with a record stands at the recorded end, under a ballot above all that it may have used (L10)', () => {
    const machine = new Machine({ usedCounter: 1000 }, found());
    machine.pass(4 * SECOND_US - 1);
    expect(machine.role).toBe('backup');
    machine.pass(1);
    expect([machine.role, machine.ballot]).toEqual(['candidate', { counter: 1001, node: 'b' }]);
  });

  test('says from the start where its ballots will be, so that its voters have room for them when it stands (L10)', () => {
    const machine = new Machine({ usedCounter: 1000 }, found());
    expect(machine.claim()).toMatchObject({ kind: 'none', ballot: { counter: 1000, node: 'b' } });
    machine.hear('none', { counter: 4711, node: 'a' });
    expect(machine.claim()).toMatchObject({ kind: 'none', ballot: { counter: 4711, node: 'a' } });
  });

  test.each([
    ['its own ownership, which died with it', 'b'],
    ['nobody', null],
  ])('that has recorded %s votes at once', (_, holder) => {
    const machine = new Machine({}, found({ holder, endUs: null }));
    machine.hear('requests', { counter: 9, node: 'a' });
    expect(lastVerdict(machine)).toBe('granted');
  });

  test('in a new boot waits for PROMISE_MAX less the uptime', () => {
    const machine = new Machine({}, { register: { kind: 'new_boot', uptimeUs: 7 * SECOND_US } });
    machine.pass(3 * SECOND_US - 1);
    machine.hear('requests', A5);
    expect(lastVerdict(machine)).toBe('quarantined');
    machine.pass(1);
    machine.hear('requests', A5);
    expect(lastVerdict(machine)).toBe('granted');
  });

  test('long after the boot does not wait at all, and without a record in full', () => {
    const late = new Machine({}, { register: { kind: 'new_boot', uptimeUs: 60 * SECOND_US } });
    late.hear('requests', A5);
    expect(lastVerdict(late)).toBe('granted');
    const lost = new Machine({}, { register: { kind: 'nothing' } });
    lost.pass(10 * SECOND_US - 1);
    lost.hear('requests', A5);
    expect(lastVerdict(lost)).toBe('quarantined');
  });
});

describe('the record (L9)', () => {
  test('is written before the verdict, the requests and the heartbeat that depend on it', () => {
    const machine = new Machine({}, { register: { kind: 'new_boot', uptimeUs: 60 * SECOND_US } });
    machine.hear('requests', A5);
    const order = machine.effects.map(({ type }) => type);
    expect(order.indexOf('record-register')).toBeLessThan(order.indexOf('send-verdict'));
    expect(machine.told('record-register')[0]?.record).toMatchObject({ holder: 'a', ballot: A5 });
    machine.forget();
    machine.step({ type: 'release', from: 'a', ballot: A5 });
    expect(machine.role).toBe('candidate');
    expect(machine.effects[0]).toMatchObject({ type: 'record-register', record: { holder: 'b' } });
  });

  test('covers every promise of a busy minute, with far fewer writes than acks', () => {
    const machine = backup();
    for (let beat = 0; beat < 120; beat++) {
      machine.hear('owns', A5);
      const end = machine.state.recorded?.endUs ?? Number.POSITIVE_INFINITY;
      expect(boundTo(machine.state.register, machine.nowUs)?.untilUs).toBeLessThanOrEqual(end);
      expect(end).toBeLessThanOrEqual(machine.nowUs + 10 * SECOND_US);
      machine.pass(INTERVAL_US / 2);
    }
    expect(machine.told('record-register').length).toBeLessThan((1.5 * 60 * INTERVAL_US) / PROMISE_US);
  });

  test('is not touched while nothing is known: what a former run has promised is still out', () => {
    const machine = new Machine();
    machine.hear('owns', A5);
    machine.pass(9 * SECOND_US);
    machine.step({ type: 'stop' });
    expect(machine.role).toBe('stopped');
    expect(machine.told('record-register')).toHaveLength(0);
  });

  test('takes over no time when a candidate becomes the owner', () => {
    const machine = new Machine();
    machine.pass(10 * SECOND_US + 3.5 * INTERVAL_US);
    machine.forget();
    machine.acked();
    expect(machine.role).toBe('active');
    expect(machine.told('record-register')).toHaveLength(0);
  });
});
