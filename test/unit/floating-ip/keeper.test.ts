import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  deadlineMs,
  type Effect,
  type KeeperEvent,
  type KeeperState,
  START,
  step,
  view,
} from '../../../agent/floating-ip/keeper.ts';
import { type Assigned, type Looked, lasting, passing } from '../../../agent/floating-ip/provider.ts';
import type { Ownership } from '../../../agent/ownership/index.ts';

const VERIFY_MS = 30_000;
const ELSEWHERE: Looked = { kind: 'elsewhere', holder: 'droplet 102' };
const MINE: Looked = { kind: 'mine' };
const ASSIGNED: Assigned = { kind: 'assigned' };

/** A keeper on a clock and with an ownership that the test sets; the test answers its calls. */
class Kept {
  state: KeeperState = START;
  ms = 1_000_000;
  owner: Ownership | undefined;
  random = 0.5;
  readonly effects: Effect[] = [];

  feed(event: KeeperEvent): readonly Effect[] {
    const now = { ms: this.ms, random: this.random, ownership: this.owner };
    const { state, effects } = step(this.state, event, now, VERIFY_MS);
    this.state = state;
    this.effects.push(...effects);
    return effects;
  }

  own(counter: number): readonly Effect[] {
    this.owner = { counter };
    return this.feed({ kind: 'awake' });
  }

  lose(): readonly Effect[] {
    this.owner = undefined;
    return this.feed({ kind: 'awake' });
  }

  looked(result: Looked): readonly Effect[] {
    return this.feed({ kind: 'looked', call: this.state.calls, result });
  }

  assigned(result: Assigned): readonly Effect[] {
    return this.feed({ kind: 'assigned', call: this.state.calls, result });
  }

  /** On to its next deadline: the time that this takes, in ms. */
  wake(): number {
    const next = deadlineMs(this.state, this.ms);
    if (next === undefined) throw new Error('a call is under way');
    const took = next - this.ms;
    this.ms = next;
    this.feed({ kind: 'awake' });
    return took;
  }

  count(kind: Effect['kind']): number {
    return this.effects.filter((effect) => effect.kind === kind).length;
  }
}

function kinds(effects: readonly Effect[]): string[] {
  return effects.map(({ kind }) => kind);
}

/** One that has just become owner, and is looking. */
function looking(counter = 7): Kept {
  const kept = new Kept();
  kept.own(counter);
  return kept;
}

describe('a new owner', () => {
  it('looks at once, and assigns what is elsewhere, once; looks again, soon and then at the interval', () => {
    const kept = new Kept();
    expect(kept.own(7)).toEqual([{ kind: 'look', call: 1, counter: 7 }]);
    expect(kept.looked(ELSEWHERE)).toEqual([
      { kind: 'info', text: 'the address is at droplet 102; it is assigned to this node' },
      { kind: 'assign', call: 2, counter: 7 },
    ]);
    expect(view(kept.state)).toEqual({ state: 'elsewhere', detail: 'the address is at droplet 102' });
    expect(kinds(kept.assigned(ASSIGNED))).toEqual(['look']);
    expect(kept.looked(MINE)).toEqual([{ kind: 'info', text: 'the address is ours' }]);
    expect(view(kept.state)).toEqual({ state: 'mine', detail: null });
    expect(kept.wake()).toBe(5_000);
    expect(kept.looked(MINE)).toEqual([]);
    expect(kept.wake()).toBe(VERIFY_MS);
    kept.looked(MINE);
    expect(kept.wake()).toBe(VERIFY_MS);
    expect(kept.count('assign')).toBe(1);
  });

  it('assigns nothing that is its own already', () => {
    const kept = looking();
    kept.looked(MINE);
    expect(kept.wake()).toBe(5_000);
    kept.looked(MINE);
    expect(kept.wake()).toBe(VERIFY_MS);
    expect(kept.count('assign')).toBe(0);
  });

  it('assigns what nobody has', () => {
    const kept = looking();
    expect(kept.looked({ kind: 'elsewhere', holder: null })).toContainEqual({
      kind: 'info',
      text: 'the address is nowhere; it is assigned to this node',
    });
  });

  it('does not ask twice when the cloud still shows what was before', () => {
    const kept = looking();
    kept.looked(ELSEWHERE);
    kept.assigned(ASSIGNED);
    for (let stale = 0; stale < 4; stale += 1) {
      expect(kept.looked(ELSEWHERE)).toEqual([]);
      expect(kept.wake()).toBe(2_000);
    }
    kept.looked(MINE);
    expect(kept.count('assign')).toBe(1);
  });

  it('asks again, later and later, when nothing comes of it', () => {
    const kept = looking();
    kept.looked(ELSEWHERE);
    const asked: number[] = [];
    while (asked.length < 7) {
      kept.assigned(ASSIGNED);
      const assignedMs = kept.ms;
      kept.looked(ELSEWHERE);
      while (kept.state.phase !== 'assigning') {
        kept.wake();
        kept.looked(ELSEWHERE);
      }
      asked.push(kept.ms - assignedMs);
    }
    expect(asked).toEqual([16_000, 30_000, 60_000, 120_000, 240_000, 240_000, 240_000]);
    expect(kept.effects).toContainEqual({
      kind: 'warn',
      text: 'the address is at droplet 102; it is assigned to this node again',
    });
  });
});

describe('an owner', () => {
  it('takes back at once what somebody took', () => {
    const kept = looking();
    kept.looked(MINE);
    kept.wake();
    expect(kept.looked(ELSEWHERE)).toEqual([
      { kind: 'warn', text: 'the address is at droplet 102; it is assigned to this node again' },
      { kind: 'assign', call: 3, counter: 7 },
    ]);
  });

  it('looks anew under a new ballot, and believes nothing from under the old one', () => {
    const kept = looking();
    kept.looked(ELSEWHERE);
    const former = kept.state.calls;
    expect(kept.own(9)).toEqual([{ kind: 'abandon' }, { kind: 'look', call: former + 1, counter: 9 }]);
    expect(kept.feed({ kind: 'assigned', call: former, result: ASSIGNED })).toEqual([]);
    expect(kept.feed({ kind: 'looked', call: former, result: MINE })).toEqual([]);
    expect(view(kept.state)).toEqual({ state: 'unknown', detail: null });
  });
});

describe('a node that owns no more', () => {
  it.each(['looking', 'assigning', 'waiting'])(
    'gives up what it was at (%s), and its result means nothing',
    (phase) => {
      const kept = looking();
      if (phase !== 'looking') kept.looked(phase === 'waiting' ? MINE : ELSEWHERE);
      expect(kept.state.phase).toBe(phase);
      expect(kept.lose()).toEqual([{ kind: 'abandon' }]);
      expect(view(kept.state)).toEqual({ state: 'idle', detail: null });
      expect(kept.looked(ELSEWHERE)).toEqual([]);
      expect(kept.assigned(ASSIGNED)).toEqual([]);
      expect(kept.wake()).toBe(1_000);
      expect(kept.effects.at(-1)).toEqual({ kind: 'abandon' });
    },
  );

  it('notices by itself when it owns, if nobody says so', () => {
    const kept = new Kept();
    kept.wake();
    kept.owner = { counter: 3 };
    kept.wake();
    expect(kept.effects).toEqual([{ kind: 'look', call: 1, counter: 3 }]);
  });

  it('notices with the result of a look that it has lost the group meanwhile', () => {
    const kept = looking();
    kept.owner = undefined;
    expect(kept.looked(ELSEWHERE)).toEqual([{ kind: 'abandon' }]);
  });
});

describe('errors', () => {
  it('are told once, tried again after doubled times of which half is random, and forgotten when it works', () => {
    const kept = looking();
    const waits: number[] = [];
    expect(kept.looked(passing('HTTP 500'))).toEqual([{ kind: 'warn', text: 'HTTP 500; the next try is in 1 s' }]);
    expect(view(kept.state)).toEqual({ state: 'unknown', detail: 'HTTP 500' });
    for (let failures = 1; failures <= 8; failures += 1) {
      waits.push(kept.wake());
      expect(kept.looked(passing('HTTP 500'))).toEqual([]);
    }
    expect(waits).toEqual([750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000, 45_000]);
    kept.wake();
    kept.looked(MINE);
    kept.wake();
    expect(kept.looked(passing('HTTP 500'))).toHaveLength(1);
    expect(kept.wake()).toBe(750);
  });

  it('of an assignment lead to another look, not to another assignment', () => {
    const kept = looking();
    kept.looked(ELSEWHERE);
    kept.assigned(passing('HTTP 422: pending event'));
    kept.wake();
    expect(kept.effects.at(-1)).toMatchObject({ kind: 'look' });
  });

  it('wait for as long as the cloud has asked for', () => {
    const kept = looking();
    kept.looked(passing('HTTP 429', 600_000));
    expect(kept.wake()).toBe(600_500);
  });

  it('that only a person can mend are tried each minute', () => {
    const kept = looking();
    kept.random = 1;
    kept.looked(lasting('HTTP 401'));
    expect(kept.wake()).toBe(60_000);
  });
});

describe('an owner that is told of something new', () => {
  it('looks at once, and takes back at once what a conflict has moved', () => {
    const kept = looking();
    kept.looked(ELSEWHERE);
    kept.assigned(ASSIGNED);
    kept.looked(MINE);
    expect(kinds(kept.feed({ kind: 'nudged' }))).toEqual(['look']);
    expect(kinds(kept.looked(ELSEWHERE))).toEqual(['warn', 'assign']);
    kept.assigned(ASSIGNED);
    kept.looked(MINE);
    // The other owner's last request may be late.
    expect(kept.wake()).toBe(5_000);
  });

  it('looks early once more if a look was under way: it may show what was before', () => {
    const kept = looking();
    kept.looked(MINE);
    kept.wake();
    kept.looked(MINE);
    kept.wake();
    expect(kept.feed({ kind: 'nudged' })).toEqual([]);
    kept.looked(MINE);
    expect(kept.wake()).toBe(5_000);
  });

  it('asks no sooner than the cloud wants, nor anything while another call is under way', () => {
    const kept = looking();
    kept.looked(passing('HTTP 429', 30_000));
    expect(kept.feed({ kind: 'nudged' })).toEqual([]);
    expect(kept.wake()).toBeGreaterThanOrEqual(30_000);
    kept.looked(ELSEWHERE);
    expect(kept.feed({ kind: 'nudged' })).toEqual([]);
  });
});

const anyResult = fc.oneof(
  fc.constant(MINE),
  fc.constant(ELSEWHERE),
  fc.constant<Looked>({ kind: 'elsewhere', holder: null }),
  fc.boolean().map((retryable): Looked => (retryable ? passing('HTTP 503') : lasting('HTTP 404'))),
);

const anyHappening = fc.oneof(
  fc.record({ kind: fc.constant('ownership'), counter: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }) }),
  fc.record({ kind: fc.constant('time'), ms: fc.integer({ min: 0, max: 70_000 }) }),
  fc.record({ kind: fc.constant('looked'), back: fc.integer({ min: 0, max: 3 }), result: anyResult }),
  fc.record({ kind: fc.constant('assigned'), back: fc.integer({ min: 0, max: 3 }), failed: fc.boolean() }),
  fc.record({ kind: fc.constant('nudge') }),
);

describe('whatever happens', () => {
  it('nothing is asked by a node that does not own the group, nor under another ballot, nor two things at once', () => {
    fc.assert(
      fc.property(fc.array(anyHappening, { maxLength: 60 }), (happenings) => {
        const kept = new Kept();
        let underWay = 0;
        for (const happening of happenings) {
          let event: KeeperEvent = { kind: 'awake' };
          if ('counter' in happening) {
            // Unannounced, as when the nudge is lost; whichever event comes next finds it.
            kept.owner = happening.counter === undefined ? undefined : { counter: happening.counter };
            continue;
          }
          if (happening.kind === 'nudge') event = { kind: 'nudged' };
          if ('ms' in happening) kept.ms += happening.ms;
          if ('result' in happening) {
            event = { kind: 'looked', call: kept.state.calls - happening.back, result: happening.result };
          }
          if ('failed' in happening) {
            const result = happening.failed ? passing('HTTP 409') : ASSIGNED;
            event = { kind: 'assigned', call: kept.state.calls - happening.back, result };
          }
          const before = kept.state;
          const effects = kept.feed(event);
          const answered = 'call' in event && event.call === before.calls && isUnderWay(before, event);
          if (answered || effects.some(({ kind }) => kind === 'abandon')) underWay = 0;
          for (const effect of effects) {
            if (effect.kind !== 'look' && effect.kind !== 'assign') continue;
            expect(effect.counter).toBe(kept.owner?.counter);
            underWay += 1;
            expect(underWay).toBe(1);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('in the good case there is exactly one assignment for each change of owner, however stale the cloud is', () => {
    const term = fc.record({
      node: fc.integer({ min: 0, max: 1 }),
      lastsMs: fc.integer({ min: 61_000, max: 200_000 }),
    });
    fc.assert(
      fc.property(
        fc.array(term, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 14_000 }),
        (terms, lagMs) => {
          const cloud: { holder: number | undefined; shown: number | undefined; changedMs: number } = {
            holder: undefined,
            shown: undefined,
            changedMs: 0,
          };
          const nodes = [new Kept(), new Kept()] as const;
          let changes = 0;
          let former: number | undefined;
          for (const [index, { node, lastsMs }] of terms.entries()) {
            const owner = nodes[node === 0 ? 0 : 1];
            for (const other of nodes) {
              if (other === owner) continue;
              other.lose();
              owner.ms = Math.max(owner.ms, other.ms);
            }
            if (former !== node) changes += 1;
            former = node;
            owner.own(index + 1);
            live(owner, node, cloud, lagMs, owner.ms + lastsMs);
            expect(view(owner.state).state).toBe('mine');
          }
          expect(nodes[0].count('assign') + nodes[1].count('assign')).toBe(changes);
        },
      ),
      { numRuns: 300 },
    );
  });
});

function isUnderWay(state: KeeperState, event: KeeperEvent): boolean {
  return (
    (state.phase === 'looking' && event.kind === 'looked') || (state.phase === 'assigning' && event.kind === 'assigned')
  );
}

/** A cloud that does at once what it is asked for, and shows it `lagMs` later. */
function live(
  kept: Kept,
  node: number,
  cloud: { holder: number | undefined; shown: number | undefined; changedMs: number },
  lagMs: number,
  untilMs: number,
): void {
  while (kept.ms < untilMs) {
    switch (kept.state.phase) {
      case 'looking':
        if (kept.ms >= cloud.changedMs + lagMs) cloud.shown = cloud.holder;
        kept.looked(cloud.shown === node ? MINE : ELSEWHERE);
        break;
      case 'assigning':
        cloud.holder = node;
        cloud.changedMs = kept.ms;
        kept.assigned(ASSIGNED);
        break;
      case 'waiting':
      case 'idle':
        kept.wake();
        break;
    }
  }
}
