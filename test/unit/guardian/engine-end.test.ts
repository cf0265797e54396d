import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { endOfEngine } from '../../../agent/guardian/engine-end.ts';
import type { Handover } from '../../../agent/guardian/handover.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const HANDOVER: Handover = {
  type: 'handover',
  node: 'a',
  incarnation: 1,
  bootId: 'boot',
  runDir: '/run/tiebreak',
  stateDir: '/var/lib/tiebreak',
  fence: null,
  groups: [],
  links: [],
  addresses: [],
  stuckAfterMs: 2_000,
  inForce: null,
};

/** An engine that a signal does not end. */
class HeldEngine extends EventEmitter {
  readonly signals: unknown[] = [];
  kill(signal: unknown): boolean {
    this.signals.push(signal);
    return true;
  }
}

it('an engine that makes no progress is killed, and its affairs are put in order even if the kernel cannot end it', async () => {
  const engine = new HeldEngine();
  const end = endOfEngine(engine, () => {});
  engine.emit('message', HANDOVER);
  await vi.advanceTimersByTimeAsync(1_900);
  engine.emit('message', { type: 'progress' });
  await vi.advanceTimersByTimeAsync(1_700);
  expect(engine.signals).toEqual([]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(engine.signals).toEqual(['SIGKILL']);
  expect(await end).toMatchObject({ code: null, signal: 'SIGKILL', handover: HANDOVER });
  expect(vi.getTimerCount()).toBe(0);
});

it('an engine that ends by itself is as it says', async () => {
  const engine = new HeldEngine();
  const end = endOfEngine(engine, () => {});
  engine.emit('message', HANDOVER);
  engine.emit('exit', 0, null);
  expect(await end).toEqual({ code: 0, signal: null, handover: HANDOVER, stuckForMs: undefined });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(engine.signals).toEqual([]);
});
