import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  initialRouters,
  nextDeadlineUs,
  type RouterEvent,
  type RouterParameters,
  routerParameters,
  stepRouters,
} from '../../../shared/vrrp/index.ts';
import { address } from './addresses.ts';

const INTERVAL_US = 1_000_000;
const PEER = address('192.0.2.9');

function parametersOf(priority: number): RouterParameters {
  return routerParameters({
    version: 3,
    priority,
    intervalUs: INTERVAL_US,
    preempt: true,
    preemptDelayUs: 0,
    primaryAddress: address('192.0.2.1'),
  });
}

function heard(priority: number): RouterEvent {
  return { kind: 'advertisement', priority, source: PEER, intervalUs: INTERVAL_US };
}

/** A group of virtual routers on a clock of its own. */
class Group {
  nowUs = 0;
  readonly parameters: RouterParameters[];
  state;
  done: string[] = [];

  constructor(priorities: readonly number[]) {
    this.parameters = priorities.map(parametersOf);
    this.state = initialRouters(priorities.length);
    for (const index of priorities.keys()) this.step(index, { kind: 'startup' });
  }

  /** Begins anew, at that time. */
  startAt(nowUs: number): void {
    this.nowUs = nowUs;
    this.state = initialRouters(this.parameters.length);
    for (const index of this.parameters.keys()) this.step(index, { kind: 'startup' });
  }

  get kinds(): string[] {
    return this.state.routers.map(({ kind }) => kind);
  }

  get dueUs(): number[] {
    return this.state.routers.map((state) => nextDeadlineUs(state) ?? Number.POSITIVE_INFINITY);
  }

  step(index: number, event: RouterEvent): void {
    const { state, effects } = stepRouters(this.parameters, this.state, index, event, this.nowUs);
    this.state = state;
    this.done = effects.flatMap(({ index: at, effect }) =>
      effect.kind === 'send-advertisement' ? [`${at} says ${effect.priority}`] : [],
    );
  }

  /** Lets the timer ring that is due next. */
  ring(): number {
    const { dueUs } = this;
    const index = dueUs.indexOf(Math.min(...dueUs));
    this.nowUs = Math.max(this.nowUs, dueUs[index] ?? 0);
    this.step(index, { kind: 'timer' });
    return index;
  }
}

describe('virtual routers of a group', () => {
  it('become active together, once the timer of each has expired', () => {
    const group = new Group([200, 100]);
    expect(group.ring()).toBe(0);
    expect(group.kinds).toEqual(['backup', 'backup']);
    expect(group.done).toEqual([]);
    expect(group.ring()).toBe(1);
    expect(group.kinds).toEqual(['active', 'active']);
    expect(group.done).toEqual(['0 says 200', '1 says 100']);
  });

  it('wait as long as one of them hears an owner, also if that lasts', () => {
    const group = new Group([100, 100]);
    for (let round = 0; round < 20; round += 1) {
      group.nowUs += INTERVAL_US;
      group.step(1, heard(150));
      const [first = 0] = group.dueUs;
      if (first <= group.nowUs) group.step(0, { kind: 'timer' });
      expect(group.kinds).toEqual(['backup', 'backup']);
    }
    // Its owner has gone as well.
    while (group.kinds[0] === 'backup') group.ring();
    expect(group.kinds).toEqual(['active', 'active']);
  });

  it('do not go to and fro when an owner is back on one network only', () => {
    const group = new Group([100, 100]);
    while (group.kinds[0] === 'backup') group.ring();
    group.step(1, heard(150));
    expect(group.kinds).toEqual(['backup', 'backup']);
    // The one that has not heard it leaves at once, so that the owner is one for both.
    expect(group.done).toEqual(['0 says 0']);
  });

  it('forget that a timer expired when its owner is heard again', () => {
    const group = new Group([100, 100]);
    group.nowUs = INTERVAL_US;
    group.step(1, heard(150));
    group.nowUs = group.dueUs[0] ?? 0;
    group.step(0, { kind: 'timer' });
    group.step(0, heard(150));
    group.nowUs = group.dueUs[1] ?? 0;
    group.step(1, { kind: 'timer' });
    expect(group.kinds).toEqual(['backup', 'backup']);
    expect(group.ring()).toBe(0);
    expect(group.kinds).toEqual(['active', 'active']);
  });

  it('take over in the skew time after each has heard that the owner leaves', () => {
    const group = new Group([100, 100]);
    group.step(0, heard(0));
    group.step(1, heard(0));
    const due = Math.max(...group.dueUs);
    group.ring();
    group.ring();
    expect(group.kinds).toEqual(['active', 'active']);
    expect(group.nowUs).toBe(due);
  });

  it('of an unfit group none becomes active alone', () => {
    const group = new Group([100, 100]);
    group.step(1, { kind: 'shutdown' });
    for (let round = 0; round < 3; round += 1) group.ring();
    expect(group.kinds).toEqual(['backup', 'initialize']);
  });

  it('one alone is as without a group', () => {
    const group = new Group([100]);
    group.ring();
    expect(group.kinds).toEqual(['active']);
  });
});

describe('two nodes of a group with a link between them', () => {
  const DELAY_US = 1_000;

  /** How often each node becomes active in a minute; `apartUs`: how much later the second one starts. */
  function takeovers(first: readonly number[], second: readonly number[], apartUs: number): number[] {
    const nodes = [new Group(first), new Group(second)];
    const counts = [0, 0];
    const onTheWay: {
      readonly atUs: number;
      readonly to: number;
      readonly index: number;
      readonly priority: number;
    }[] = [];
    nodes[1]?.startAt(apartUs);
    for (;;) {
      const rings = nodes.map(({ dueUs }) => Math.min(...dueUs));
      const nextUs = Math.min(...rings, ...onTheWay.map(({ atUs }) => atUs));
      if (nextUs > 60 * INTERVAL_US) return counts;
      const arriving = onTheWay.findIndex(({ atUs }) => atUs === nextUs);
      const [message] = arriving < 0 ? [] : onTheWay.splice(arriving, 1);
      const at = message?.to ?? rings.indexOf(nextUs);
      const node = nodes[at];
      if (node === undefined) throw new Error('there are two nodes');
      const before = node.kinds[0];
      node.nowUs = nextUs;
      if (message === undefined) node.ring();
      else node.step(message.index, heard(message.priority));
      if (before !== 'active' && node.kinds[0] === 'active') counts[at] = (counts[at] ?? 0) + 1;
      for (const said of node.done) {
        const [index, priority] = said.split(' says ').map(Number);
        onTheWay.push({ atUs: nextUs + DELAY_US, to: 1 - at, index: index ?? 0, priority: priority ?? 0 });
      }
    }
  }

  it('have one owner if one of them is the higher for all', () => {
    expect(takeovers([200, 200], [100, 100], 0)).toEqual([1, 0]);
    expect(takeovers([200, 150], [120, 100], 0)).toEqual([1, 0]);
  });

  it('may drive each other out again and again if their priorities are crossed, which the configuration warns of', () => {
    const [first = 0, second = 0] = takeovers([200, 100], [100, 200], 0);
    expect(Math.min(first, second)).toBeGreaterThan(10);
    // Those that are not in step settle.
    expect(takeovers([200, 100], [100, 200], 2 * DELAY_US)).toEqual([1, 0]);
  });
});

it('never one active and one backup, whatever is heard in whatever order', () => {
  const event = fc.record({
    index: fc.nat(2),
    priority: fc.constantFrom(0, 50, 100, 150, undefined),
    waitUs: fc.integer({ min: 0, max: 2 * INTERVAL_US }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const group = new Group([100, 120, 100]);
      for (const { index, priority, waitUs } of events) {
        group.nowUs += waitUs;
        for (const [at, dueUs] of group.dueUs.entries()) if (dueUs <= group.nowUs) group.step(at, { kind: 'timer' });
        if (priority !== undefined) group.step(index, heard(priority));
        expect(new Set(group.kinds).size).toBe(1);
      }
    }),
  );
});
