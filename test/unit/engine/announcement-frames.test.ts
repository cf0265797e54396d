import { beforeEach, expect, test } from 'vitest';
import { AnnouncementFrames } from '../../../agent/engine/announcement-frames.ts';
import { FramePacer } from '../../../agent/engine/frame-pacer.ts';
import { VirtualTime } from './virtual-time.ts';

const MILLISECOND = 1_000;

let time: VirtualTime;
let pacer: FramePacer;
let sent: string[];

beforeEach(() => {
  time = new VirtualTime(0);
  pacer = new FramePacer(time);
  sent = [];
});

/** Each frame is told as `when in ms` `address`. */
function router(spacingMs: number, ...places: readonly (readonly [address: string, on: string])[]): AnnouncementFrames {
  return new AnnouncementFrames({
    pacer,
    spacingUs: () => spacingMs * MILLISECOND,
    frames: () =>
      places.map(([address, on]) => ({
        interface: on,
        send: () => void sent.push(`${time.nowUs() / MILLISECOND} ${address}`),
      })),
  });
}

test('without a spacing all leave at once, every address once before any a second time', () => {
  router(0, ['x', 'eth0'], ['y', 'eth0']).announce(2);
  expect(sent).toEqual(['0 x', '0 y', '0 x', '0 y']);
});

test('are so far apart on an interface, whoever they are of; another interface has its own pace', () => {
  router(10, ['x', 'eth0'], ['y', 'eth0'], ['z', 'eth1']).announce(1);
  router(20, ['v', 'eth0'], ['w', 'eth0']).announce(1);
  time.pass(100 * MILLISECOND);
  expect(sent).toEqual(['0 x', '0 z', '10 y', '20 v', '40 w']);
});

test('one that falls into another follows it, once, and so does not keep the last address waiting for ever', () => {
  const frames = router(10, ['x', 'eth0'], ['y', 'eth0'], ['z', 'eth0']);
  for (let round = 0; round < 5; round += 1) {
    frames.announce(1);
    time.pass(MILLISECOND);
  }
  time.pass(100 * MILLISECOND);
  expect(sent).toEqual(['0 x', '10 y', '20 z', '30 x', '40 y', '50 z']);
});

test('an owner that has lost says no more, and takes no time of others', () => {
  const frames = router(10, ['x', 'eth0'], ['y', 'eth0'], ['z', 'eth0']);
  frames.announce(20);
  router(10, ['v', 'eth0']).announce(1);
  time.pass(15 * MILLISECOND);
  frames.stop();
  time.pass(10 * MILLISECOND);
  expect(sent).toEqual(['0 x', '10 y', '20 v']);
  frames.announce(1);
  time.pass(100 * MILLISECOND);
  expect(sent.slice(3)).toEqual(['30 x', '40 y', '50 z']);
});

test('a virtual router without addresses has nothing to say', () => {
  const frames = router(10);
  frames.announce(5);
  frames.announce(5);
  time.pass(100 * MILLISECOND);
  expect(sent).toEqual([]);
});
