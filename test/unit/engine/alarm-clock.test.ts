import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { AlarmClock } from '../../../agent/engine/alarm-clock.ts';
import type { Alarm } from '../../../agent/engine/clock.ts';
import { boottimeUs } from '../../../agent/kernel/index.ts';

afterEach(() => {
  vi.useRealTimers();
});

function busyFor(ms: number): void {
  const untilUs = boottimeUs() + ms * 1000;
  while (boottimeUs() < untilUs);
}

describe('an alarm in the event loop', () => {
  test('never rings early, and rings once', async () => {
    const rungAtUs: number[] = [];
    const deadline = new AlarmClock().alarm(() => rungAtUs.push(boottimeUs()));
    const dueAtUs = boottimeUs() + 20_300;
    deadline.set(dueAtUs);
    await sleep(60);
    expect(rungAtUs).toHaveLength(1);
    expect(rungAtUs[0]).toBeGreaterThanOrEqual(dueAtUs);
  });

  test.each([20_300, 1_500, 100])('an exact one of %i us never rings early, and rings once', async (waitUs) => {
    const rungAtUs: number[] = [];
    const deadline = new AlarmClock().alarm(() => rungAtUs.push(boottimeUs()));
    const dueAtUs = boottimeUs() + waitUs;
    deadline.set(dueAtUs, true);
    await sleep(60);
    expect(rungAtUs).toHaveLength(1);
    expect(rungAtUs[0]).toBeGreaterThanOrEqual(dueAtUs);
  });

  test('an exact one keeps the event loop going round before it rings', async () => {
    let nowUs = 0;
    let rounds = 0;
    const going = vi.spyOn(globalThis, 'setImmediate');
    // Each look takes 0.1 ms.
    const exact = new AlarmClock(() => {
      nowUs += 100;
      return nowUs;
    }).alarm(() => {
      rounds = going.mock.calls.length;
    });
    exact.set(1_900, true);
    while (rounds === 0) await sleep(1);
    expect(rounds).toBeGreaterThan(10);
    going.mockRestore();
  });

  test('an exact one that has been put off keeps nobody busy', async () => {
    const going = vi.spyOn(globalThis, 'setImmediate');
    const putOff = new AlarmClock().alarm(() => {});
    const firstUs = boottimeUs() + 20_000;
    putOff.set(firstUs, true);
    putOff.set(firstUs + 200_000, true);
    await sleep(60);
    expect(going.mock.calls.length).toBeLessThanOrEqual(1);
    putOff.clear();
    going.mockRestore();
  });

  test('one that has been put off is no reason to look up when its former time comes', async () => {
    const looks = vi.fn(boottimeUs);
    const clock = new AlarmClock(looks);
    const startUs = boottimeUs();
    const alarms = Array.from({ length: 50 }, () => clock.alarm(() => {}));
    for (const [index, alarm] of alarms.entries()) alarm.set(startUs + 1_000 * (index + 5), true);
    for (const alarm of alarms) alarm.set(startUs + 10_000_000, true);
    looks.mockClear();
    await sleep(80);
    // One look finds all of them put off.
    expect(looks.mock.calls.length).toBeLessThan(10);
    for (const alarm of alarms) alarm.clear();
  });

  test('an earlier one rings while an exact one is waited for', async () => {
    const rung: string[] = [];
    const clock = new AlarmClock();
    clock.alarm(() => rung.push('exact')).set(boottimeUs() + 1_900, true);
    setImmediate(() => clock.alarm(() => rung.push('earlier')).set(boottimeUs()));
    await sleep(40);
    expect(rung).toEqual(['earlier', 'exact']);
  });

  test('a time that has passed does not ring from within set', async () => {
    let rings = 0;
    const deadline = new AlarmClock().alarm(() => {
      rings += 1;
    });
    deadline.set(boottimeUs() - 1000);
    expect(rings).toBe(0);
    await sleep(5);
    expect(rings).toBe(1);
  });

  test('after a pause a packet that waited counts before the timer that overtook it', async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const order: string[] = [];
    for (let round = 0; round < 10; round += 1) {
      const heard = new Promise<void>((resolve) => socket.once('message', () => resolve()));
      socket.once('message', () => order.push('packet'));
      const rung = new Promise<void>((resolve) => {
        const deadline = new AlarmClock().alarm(() => {
          order.push('timer');
          resolve();
        });
        // Long ago, both: the process stood still while the packet came in and the time went by.
        setTimeout(() => {
          deadline.set(boottimeUs() + 1000);
          socket.send('late', socket.address().port, '127.0.0.1');
          busyFor(5);
        }, 1);
      });
      await Promise.all([heard, rung]);
    }
    socket.close();
    expect(order).toEqual(Array.from({ length: 10 }, () => ['packet', 'timer']).flat());
  });

  test('a later time replaces an earlier one, Infinity and clear call it off', async () => {
    const rung: string[] = [];
    const replaced = new AlarmClock().alarm(() => rung.push('replaced'));
    const infinite = new AlarmClock().alarm(() => rung.push('infinite'));
    const cleared = new AlarmClock().alarm(() => rung.push('cleared'));
    for (const deadline of [replaced, infinite, cleared]) deadline.set(boottimeUs() + 2000);
    replaced.set(boottimeUs() + 40_000);
    infinite.set(Number.POSITIVE_INFINITY);
    cleared.clear();
    await sleep(20);
    expect(rung).toEqual([]);
    await sleep(40);
    expect(rung).toEqual(['replaced']);
  });

  test('one that is due already can be called off or put off before it rings', async () => {
    const rung: string[] = [];
    const cleared = new AlarmClock().alarm(() => rung.push('cleared'));
    const putOff = new AlarmClock().alarm(() => rung.push('put off'));
    cleared.set(0);
    putOff.set(0);
    cleared.clear();
    putOff.set(boottimeUs() + 20_000);
    await sleep(10);
    expect(rung).toEqual([]);
    putOff.clear();
  });

  test('set from within the ring, also to the very same time, rings again and lets sockets in between', async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    let rings = 0;
    let ringsAtPacket = 0;
    socket.on('message', () => {
      ringsAtPacket = rings;
    });
    const deadline: Alarm = new AlarmClock().alarm(() => {
      rings += 1;
      if (rings === 1) socket.send('x', socket.address().port, '127.0.0.1');
      if (rings < 50) deadline.set(1);
    });
    deadline.set(1);
    await sleep(50);
    socket.close();
    expect(rings).toBe(50);
    expect(ringsAtPacket).toBeGreaterThan(0);
    expect(ringsAtPacket).toBeLessThan(50);
  });

  test('waits beyond the 2^31 ms of a timer, and measures by its clock, not by the timer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] });
    let nowUs = 0;
    let rings = 0;
    const deadline = new AlarmClock(() => nowUs).alarm(() => {
      rings += 1;
    });
    const fortyDaysMs = 40 * 86_400_000;
    deadline.set(fortyDaysMs * 1000);
    nowUs = 0x7fffffff * 1000;
    await vi.advanceTimersByTimeAsync(0x7fffffff);
    expect(rings).toBe(0);
    nowUs = fortyDaysMs * 1000 - 1; // the timer fires a hair early
    await vi.advanceTimersByTimeAsync(fortyDaysMs - 0x7fffffff);
    expect(rings).toBe(0);
    nowUs = fortyDaysMs * 1000;
    await vi.advanceTimersByTimeAsync(2);
    expect(rings).toBe(1);
  });

  test('many of them ring in the order of their times, each once, whatever becomes of the others', async () => {
    const clock = new AlarmClock();
    const startUs = boottimeUs();
    const rung: number[] = [];
    const alarms = Array.from({ length: 200 }, (_, index) => clock.alarm(() => rung.push(index)));
    const order = alarms.map((_, index) => (index * 73) % 200);
    for (const index of order) alarms[index]?.set(startUs + 5_000 + index * 100);
    // Put off, brought forward, called off.
    alarms[0]?.set(startUs + 40_000);
    alarms[199]?.set(startUs + 4_000);
    alarms[100]?.clear();
    while (rung.length < 199) await sleep(5);
    const between = Array.from({ length: 198 }, (_, index) => index + 1).filter((index) => index !== 100);
    expect(rung).toEqual([199, ...between, 0]);
  });

  test('one that is called off by another that rings with it stays silent, one that is put off rings later', async () => {
    const clock = new AlarmClock();
    const rung: string[] = [];
    const calledOff = clock.alarm(() => rung.push('called off'));
    const putOff = clock.alarm(() => rung.push('put off'));
    const first = clock.alarm(() => {
      rung.push('first');
      calledOff.clear();
      putOff.set(boottimeUs() + 20_000);
    });
    first.set(1);
    calledOff.set(2);
    putOff.set(3);
    while (rung.length < 2) await sleep(5);
    expect(rung).toEqual(['first', 'put off']);
  });

  test('one that is brought forward and put off a thousand times rings when it was last told to, beside others', async () => {
    const clock = new AlarmClock();
    const startUs = boottimeUs();
    const rung: string[] = [];
    const restless = clock.alarm(() => rung.push('restless'));
    const calm = clock.alarm(() => rung.push('calm'));
    calm.set(startUs + 30_000);
    for (let round = 1_000; round > 0; round -= 1) {
      restless.set(startUs + 60_000_000 + round);
      restless.set(startUs + 50_000_000 + round);
      restless.clear();
    }
    restless.set(startUs + 20_000);
    while (rung.length < 2) await sleep(5);
    expect(rung).toEqual(['restless', 'calm']);
  });

  test('without an alarm no timer keeps the process alive', () => {
    const clock = new AlarmClock();
    const [one, other] = [clock.alarm(() => {}), clock.alarm(() => {})];
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    one.set(boottimeUs() + 60_000_000);
    other.set(boottimeUs() + 60_000_000);
    expect(timers()).toBe(before + 1);
    one.clear();
    other.clear();
    expect(timers()).toBe(before);
  });
});
