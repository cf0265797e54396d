import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GROUP_STATES } from '../../../agent/config/types.ts';
import {
  type Attempted,
  emptyQueue,
  type Queued,
  type QueueEffect,
  type QueueEvent,
  queueDueMs,
  stepQueue,
} from '../../../agent/notify/queue.ts';
import { change } from './changes.ts';

const FAILED: Attempted = { kind: 'failed', text: 'exit status 1' };
const TOLD: Attempted = { kind: 'told' };

/** A queue on a clock of its own, and what came out of it. */
class Scripted {
  nowMs = 1_000_000;
  owns = true;
  readonly kind: 'command' | 'webhook';
  effects: QueueEffect[] = [];
  state;

  constructor(kind: 'command' | 'webhook', waiting: readonly Queued[] = [], underWay = false) {
    this.kind = kind;
    this.state = emptyQueue(waiting, underWay);
  }

  step(event: QueueEvent): string[] {
    const { kind, nowMs, owns } = this;
    const { state, effects } = stepQueue(this.state, event, { kind, nowMs, owns, random: 0 });
    this.state = state;
    this.effects.push(...effects);
    return effects.flatMap((effect) => (effect.type === 'tell' ? [`${effect.change.state} ${effect.attempt}`] : []));
  }

  changed(number: number, state: Parameters<typeof change>[1]): string[] {
    return this.step({ type: 'changed', change: change(number, state) });
  }

  attempted(outcome: Attempted): string[] {
    return this.step({ type: 'attempted', outcome });
  }

  waitUntilDue(): string[] {
    this.nowMs = queueDueMs(this.state);
    return this.step({ type: 'tick' });
  }

  get log(): string[] {
    return this.effects.flatMap((effect) => (effect.type === 'log' ? [`${effect.level}: ${effect.text}`] : []));
  }
}

describe('a receiver is told of changes', () => {
  it('in order, one at a time, each as soon as the one before it has been told', () => {
    const queue = new Scripted('command');
    expect(queue.changed(1, 'backup')).toEqual(['backup 1']);
    expect(queue.changed(2, 'active')).toEqual([]);
    expect(queue.changed(3, 'fault')).toEqual([]);
    expect(queue.attempted(TOLD)).toEqual(['active 1']);
    expect(queue.attempted(TOLD)).toEqual(['fault 1']);
    expect(queue.attempted(TOLD)).toEqual([]);
    expect(queueDueMs(queue.state)).toBe(Number.POSITIVE_INFINITY);
  });

  it('again after a failure, ever later, and a command ten times at most', () => {
    const queue = new Scripted('command');
    queue.changed(1, 'active');
    const waits: number[] = [];
    let attempts = 1;
    while (queue.state.underWay) {
      const failedMs = queue.nowMs;
      queue.attempted(FAILED);
      if (queue.state.waiting.length === 0) break;
      expect(queue.step({ type: 'tick' })).toEqual([]);
      waits.push(queueDueMs(queue.state) - failedMs);
      attempts += 1;
      expect(queue.waitUntilDue()).toEqual([`active ${attempts}`]);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256].map((seconds) => seconds * 1_000));
    expect(queue.log.at(-1)).toBe('error: edge: that it is active here failed, and is not tried again: exit status 1');
    expect(queue.state.trouble).toBe('exit status 1');
  });

  it('a webhook for three days, every five minutes in the end', () => {
    const queue = new Scripted('webhook');
    queue.changed(1, 'active');
    let attempts = 1;
    while (queue.state.underWay) {
      queue.attempted(FAILED);
      if (queue.state.waiting.length === 0) break;
      queue.waitUntilDue();
      attempts += 1;
    }
    expect((queue.nowMs - 1_000_000) / 3_600_000).toBeCloseTo(72, 0);
    expect(attempts).toBeGreaterThan(800);
  });

  it('as soon as before when the clock is set back meanwhile', () => {
    const queue = new Scripted('webhook');
    queue.changed(1, 'active');
    queue.attempted(FAILED);
    queue.nowMs -= 3_600_000;
    expect(queue.step({ type: 'tick' })).toEqual(['active 2']);
    queue.attempted(FAILED);
    expect(queue.step({ type: 'tick' })).toEqual([]);
  });

  it('for as long as before when the clock is set right, from another year, after the change', () => {
    const queue = new Scripted('webhook');
    queue.changed(1, 'active');
    queue.nowMs += 20 * 365 * 24 * 3_600_000;
    queue.attempted(FAILED);
    expect(queue.waitUntilDue()).toEqual(['active 2']);
    queue.attempted(FAILED);
    expect(queue.state.waiting).toHaveLength(1);
  });

  it('a webhook that is gone hears no more of that', () => {
    const queue = new Scripted('webhook');
    queue.changed(1, 'active');
    queue.changed(2, 'backup');
    expect(queue.attempted({ kind: 'failed', text: 'HTTP 410', final: true })).toEqual(['backup 1']);
  });

  it('a later change: a command that failed is run for it at once, and not again for the earlier one', () => {
    const command = new Scripted('command');
    command.changed(1, 'active');
    command.attempted(FAILED);
    expect(command.changed(2, 'backup')).toEqual(['backup 1']);
    expect(command.log.at(-1)).toBe('warn: edge: that it is active here is not tried again: backup has come after it');
    const running = new Scripted('command');
    running.changed(1, 'active');
    running.changed(2, 'backup');
    expect(running.attempted(FAILED)).toEqual(['backup 1']);
  });

  it('a later change: a webhook that failed is tried at once, and told everything', () => {
    const queue = new Scripted('webhook');
    queue.changed(1, 'active');
    queue.attempted(FAILED);
    expect(queue.changed(2, 'backup')).toEqual(['active 2']);
    expect(queue.attempted(TOLD)).toEqual(['backup 1']);
  });

  it('a command that this node has become the owner only while it is; a webhook in any case', () => {
    const waiting = [
      { change: change(1, 'active'), attempts: 0 },
      { change: change(2, 'backup'), attempts: 0 },
    ];
    const command = new Scripted('command', waiting);
    command.owns = false;
    expect(command.step({ type: 'tick' })).toEqual(['backup 1']);
    expect(command.effects).toContainEqual({ type: 'record-done', id: 'a-edge-1-1' });
    expect(command.log[0]).toContain('does not own the group any more');
    const webhook = new Scripted('webhook', waiting);
    webhook.owns = false;
    expect(webhook.step({ type: 'tick' })).toEqual(['active 1']);
    // Also when it is lost between two attempts.
    const lost = new Scripted('command');
    lost.changed(1, 'active');
    lost.attempted(FAILED);
    lost.owns = false;
    expect(lost.waitUntilDue()).toEqual([]);
    expect(lost.state.waiting).toEqual([]);
  });

  it('only once the command of an earlier run is over, and of what is so by then', () => {
    const waiting = [{ change: change(1, 'active'), attempts: 0 }];
    const queue = new Scripted('command', waiting, true);
    expect(queue.step({ type: 'tick' })).toEqual([]);
    expect(queue.changed(2, 'backup')).toEqual([]);
    expect(queueDueMs(queue.state)).toBe(Number.POSITIVE_INFINITY);
    queue.owns = false;
    expect(queue.step({ type: 'former-over' })).toEqual(['backup 1']);
    expect(queue.log[0]).toContain('does not own the group any more');
  });

  it('of a thousand that wait the oldest is given up, but not the one that is being told', () => {
    const queue = new Scripted('command');
    for (let number = 1; number <= 1_001; number += 1) queue.changed(number, 'backup');
    expect(queue.state.waiting).toHaveLength(1_000);
    expect(queue.state.waiting.slice(0, 2).map((queued) => queued.change.id)).toEqual(['a-edge-1-1', 'a-edge-1-3']);
  });
});

it('whatever happens: recorded before told, in order, one at a time, never twice once told', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('changed' as const), state: fc.constantFrom(...GROUP_STATES) }),
    fc.record({ type: fc.constant('attempted' as const), ok: fc.boolean(), owns: fc.boolean() }),
    fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 400_000 }) }),
  );
  const run = fc.property(fc.constantFrom('command' as const, 'webhook' as const), fc.array(step), (kind, steps) => {
    const queue = new Scripted(kind);
    const recorded = new Set<string>();
    const finished = new Set<string>();
    let underWay: string | undefined;
    let last = 0;
    for (const [number, given] of steps.entries()) {
      const from = queue.effects.length;
      if (given.type === 'changed') queue.changed(number + 1, given.state);
      else if (given.type === 'wait') {
        queue.nowMs += given.ms;
        queue.step({ type: 'tick' });
      } else {
        queue.owns = given.owns;
        underWay = undefined;
        queue.attempted(given.ok ? TOLD : FAILED);
      }
      for (const effect of queue.effects.slice(from)) {
        if (effect.type === 'record-queued') recorded.add(effect.change.id);
        if (effect.type === 'record-done') finished.add(effect.id);
        if (effect.type !== 'tell') continue;
        const { id } = effect.change;
        expect(recorded.has(id) && !finished.has(id)).toBe(true);
        expect(underWay).toBeUndefined();
        expect(Number(id.split('-').at(-1))).toBeGreaterThanOrEqual(last);
        last = Number(id.split('-').at(-1));
        underWay = id;
      }
    }
    // Nothing is lost: what is not finished waits.
    const waiting = queue.state.waiting.map((queued) => queued.change.id);
    expect(waiting).toEqual([...recorded].filter((id) => !finished.has(id)));
  });
  fc.assert(run);
});
