import { expect, test } from 'vitest';
import { RouterTraffic, Tally, Transitions } from '../../../agent/metrics/counters/index.ts';

const NOTHING = {
  received: 0,
  own: 0,
  malformed: { truncated: 0, 'not-ipv4': 0, 'bad-header-length': 0, 'not-vrrp': 0 },
};

test('a tally knows how often, and nothing of what has never happened', () => {
  const tally = new Tally<'one' | 'other'>();
  expect([...tally.counts]).toEqual([]);
  tally.count('one');
  tally.count('one');
  tally.count('other', 5);
  expect([...tally.counts]).toEqual([
    ['one', 2],
    ['other', 5],
  ]);
});

test('transitions are counted apart by from, to and cause; those to active are takeovers', () => {
  const transitions = new Transitions();
  transitions.count({ from: 'candidate', to: 'active', cause: 'votes_complete' });
  transitions.count({ from: 'candidate', to: 'active', cause: 'votes_complete' });
  transitions.count({ from: 'backup', to: 'candidate', cause: 'down_timer' });
  transitions.count({ from: 'backup', to: 'candidate', cause: 'released' });
  expect(transitions.counts).toEqual([
    { from: 'candidate', to: 'active', cause: 'votes_complete', count: 2 },
    { from: 'backup', to: 'candidate', cause: 'down_timer', count: 1 },
    { from: 'backup', to: 'candidate', cause: 'released', count: 1 },
  ]);
  expect(transitions.takeovers).toBe(2);
});

test("a router's discards outlive the socket that an interface took with it", () => {
  const traffic = new RouterTraffic();
  traffic.discard('bad-checksum');
  traffic.add({ ...NOTHING, own: 2, malformed: { ...NOTHING.malformed, truncated: 1 } });
  const again = { ...NOTHING, own: 1 };
  const expected = { 'bad-checksum': 1, 'own-source': 3, truncated: 1 };
  expect(Object.fromEntries(traffic.discarded(again))).toEqual(expected);
  // To read is not to count.
  expect(Object.fromEntries(traffic.discarded(again))).toEqual(expected);
});
