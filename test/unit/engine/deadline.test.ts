import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Deadline } from '../../../agent/engine/deadline.ts';
import { boottimeUs } from '../../../agent/kernel/index.ts';

afterEach(() => {
  vi.useRealTimers();
});

function busyFor(ms: number): void {
  const untilUs = boottimeUs() + ms * 1000;
  while (boottimeUs() < untilUs);
}

describe('a deadline in the event loop', () => {
  test('never rings early, and rings once', async () => {
    const rungAtUs: number[] = [];
    const deadline = new Deadline(() => rungAtUs.push(boottimeUs()));
    const dueAtUs = boottimeUs() + 20_300;
    deadline.set(dueAtUs);
    await sleep(60);
    expect(rungAtUs).toHaveLength(1);
    expect(rungAtUs[0]).toBeGreaterThanOrEqual(dueAtUs);
  });

  test('a time that has passed does not ring from within set', async () => {
    let rings = 0;
    const deadline = new Deadline(() => {
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
        const deadline = new Deadline(() => {
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
    const replaced = new Deadline(() => rung.push('replaced'));
    const infinite = new Deadline(() => rung.push('infinite'));
    const cleared = new Deadline(() => rung.push('cleared'));
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
    const cleared = new Deadline(() => rung.push('cleared'));
    const putOff = new Deadline(() => rung.push('put off'));
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
    const deadline: Deadline = new Deadline(() => {
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
    const deadline = new Deadline(
      () => {
        rings += 1;
      },
      () => nowUs,
    );
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
});
