import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { reconnectDelayMs, refusedDelayMs } from '../../../agent/witness-link/backoff.ts';
import { Heartbeat } from '../../../agent/witness-link/heartbeat.ts';
import { Rehearsals } from '../../../agent/witness-link/rehearsals.ts';
import { VoteTimes } from '../../../agent/witness-link/vote-times.ts';

const unit = fc.double({ min: 0, max: 1, noNaN: true });

describe('back-off', () => {
  test('every delay is between 0.1 and 5 s', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), unit, (failures, random) => {
        const delayMs = reconnectDelayMs(failures, random);
        expect(delayMs).toBeGreaterThanOrEqual(100);
        expect(delayMs).toBeLessThanOrEqual(5_000);
      }),
    );
  });

  test('two nodes cut off at the same instant spread over the whole span, also at the first try', () => {
    expect(reconnectDelayMs(0, 1) - reconnectDelayMs(0, 0)).toBe(400);
    expect(reconnectDelayMs(20, 1)).toBe(5_000);
  });

  test('a refused node asks again after 10 to 20 s', () => {
    expect([refusedDelayMs(0), refusedDelayMs(1)]).toEqual([10_000, 20_000]);
  });
});

describe('heartbeat', () => {
  test('the oldest ping may wait for 2.5 s, however many follow it', () => {
    const heartbeat = new Heartbeat();
    heartbeat.pinged(0);
    heartbeat.pinged(1_000_000);
    heartbeat.pinged(2_000_000);
    expect(heartbeat.missed(2_499_999)).toBe(false);
    expect(heartbeat.missed(2_500_000)).toBe(true);
  });

  test('each pong answers the oldest ping only', () => {
    const heartbeat = new Heartbeat();
    heartbeat.pinged(0);
    heartbeat.pinged(1_000_000);
    heartbeat.ponged();
    expect(heartbeat.missed(3_000_000)).toBe(false);
    expect(heartbeat.missed(3_500_000)).toBe(true);
  });

  test('nothing is missed while no ping is under way', () => {
    expect(new Heartbeat().missed(10_000_000)).toBe(false);
  });
});

describe('vote times', () => {
  test('before the first rehearsal there is no figure', () => {
    expect(new VoteTimes().percentileMs(99)).toBeNull();
  });

  test('p50 and p99 are durations that were measured, among the last 64', () => {
    const times = new VoteTimes();
    times.add(9_999);
    for (let durationMs = 1; durationMs <= 64; durationMs += 1) times.add(durationMs);
    expect([times.percentileMs(50), times.percentileMs(99)]).toEqual([32, 64]);
  });
});

describe('rehearsals', () => {
  function start() {
    vi.useFakeTimers();
    let count = 0;
    const rehearsals = new Rehearsals(
      () => {
        count += 1;
      },
      () => performance.now() * 1_000,
    );
    return { rehearsals, count: () => count };
  }

  test('five at the first connection, then one every 10 minutes', () => {
    const { count, rehearsals } = start();
    rehearsals.connected();
    vi.advanceTimersByTime(1_000);
    expect(count()).toBe(5);
    vi.advanceTimersByTime(600_000);
    expect(count()).toBe(6);
    vi.advanceTimersByTime(600_000);
    expect(count()).toBe(7);
    rehearsals.stop();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('a link that flaps each second costs at most one a minute', () => {
    const { count, rehearsals } = start();
    for (let second = 0; second < 300; second += 1) {
      rehearsals.connected();
      vi.advanceTimersByTime(900);
      rehearsals.stop();
      vi.advanceTimersByTime(100);
    }
    expect(count()).toBe(5 + 4);
    vi.useRealTimers();
  });
});
