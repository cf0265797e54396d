import { expect, test } from 'vitest';
import { receivePassedOn } from '../../../agent/engine/sideband-inbox.ts';
import { INTERVAL_US, ScriptedMember } from './scripted-group.ts';
import { converse, ScriptedGroup, SidebandEnd } from './sideband-pair.ts';
import { VirtualTime } from './virtual-time.ts';

const OWNED = { counter: 5, node: 'a' };

/** b votes for its owner a, every direct path is cut, and the witness has given its vote to a. */
function cutPair(): { a: SidebandEnd; b: ScriptedMember } {
  const b = new ScriptedMember(new VirtualTime());
  b.end.sending = () => {};
  const a = new SidebandEnd(b.time, 'a', 'b', [new ScriptedGroup('edge')]);
  b.time.pass(10_000_000);
  for (let beats = 0; beats < 3; beats += 1) {
    a.link.heartbeatNow();
    converse(a, b.end);
  }
  b.end.link.heartbeatNow();
  converse(a, b.end);
  b.time.pass(1.6 * INTERVAL_US);
  b.group.witnessSaid({ type: 'witness-refused', reason: 'bound', remainingMs: 4_000, highest: OWNED, holder: 'a' });
  expect(b.group.state.register.bound).toMatchObject({ holder: 'a', ballot: OWNED });
  b.done();
  return { a, b };
}

test.each([
  ['TRANSFER', (a: SidebandEnd) => a.link.transfer('edge', OWNED, 'b')],
  ['RELEASE', (a: SidebandEnd) => a.link.release('edge', OWNED)],
])(
  'a %s that the witness passes on lets the backup own at once, by its own vote and the witness’s (L5, L17)',
  (_what, say) => {
    const { a, b } = cutPair();
    const beforeUs = b.time.nowUs();
    say(a);
    const [datagram = new Uint8Array()] = a.relayed;
    expect(receivePassedOn([b.end.link], 'a', datagram)).toBeUndefined();
    expect(b.role).toBe('candidate');

    b.group.witnessSaid({ type: 'witness-freed' });
    b.time.pass(0);
    const { ballot } = b;
    expect(b.done()).toContain(`ask witness ${ballot.counter}`);
    expect(ballot.counter).toBeGreaterThan(OWNED.counter);
    b.group.witnessSaid({ type: 'witness-granted', ballot, promiseMs: 5_000, sentAtUs: b.time.nowUs() });
    expect(b.role).toBe('active');
    expect(b.done()).toEqual(expect.arrayContaining(['open', 'add addresses', 'announce']));
    expect(b.time.nowUs()).toBe(beforeUs);
  },
);

test('an owner that loses its link says so through the witness at once, however lately it was heard directly', () => {
  const b = new ScriptedMember(new VirtualTime());
  const group = new ScriptedGroup('edge');
  group.kind = 'none';
  const a = new SidebandEnd(b.time, 'a', 'b', [group]);
  b.own();
  b.end.sending = () => {};
  for (let beats = 0; beats < 3; beats += 1) {
    a.link.heartbeatNow();
    converse(a, b.end);
  }
  expect(b.end.relayed).toEqual([]);
  b.group.linkChanged('eth0', false);
  expect(b.role).toBe('backup');
  expect(b.end.relayed).toHaveLength(1);
});

test('without it the backup stays bound: what the witness says of its own vote frees nobody else’s', () => {
  const { b } = cutPair();
  b.group.witnessSaid({ type: 'witness-freed' });
  b.time.pass(0);
  expect(b.role).toBe('backup');
});
