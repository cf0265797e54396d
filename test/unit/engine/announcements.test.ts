import { beforeEach, expect, test } from 'vitest';
import { Announcements } from '../../../agent/engine/announcements.ts';
import { RateLimitedLog } from '../../../agent/engine/rate-limited-log.ts';
import { recordedLog } from './recorded-log.ts';
import { VirtualTime } from './virtual-time.ts';

const CLAIM = { address: Uint8Array.of(192, 0, 2, 100), mac: Uint8Array.of(2, 0, 0, 0, 0, 0x66) };

const PLAN = {
  repeatAfterUs: [100_000, 500_000, 1_000_000, 5_000_000],
  copies: 1,
  refreshUs: 0,
  refreshCopies: 1,
  spacingUs: 0,
};

let time: VirtualTime;
let sent: number;
let announcements: Announcements;
let lines: () => { msg: string }[];

beforeEach(() => {
  time = new VirtualTime();
  sent = 0;
  const recorded = recordedLog();
  lines = recorded.lines;
  announcements = new Announcements({
    announceNow: () => {
      sent += 1;
    },
    plan: PLAN,
    clock: time,
    complaints: new RateLimitedLog(recorded.log, time.nowUs),
  });
});

test('an owner announces five times, and no more once it has stopped owning', () => {
  announcements.announce();
  time.pass(200_000);
  expect(sent).toBe(2);
  announcements.stop();
  time.pass(20_000_000);
  expect(sent).toBe(2);
  announcements.announce();
  time.pass(20_000_000);
  expect(sent).toBe(7);
});

test('an owner goes over to another longest silence, counted from what it announced last', () => {
  announcements.announce();
  time.pass(20_000_000);
  announcements.change({ ...PLAN, refreshUs: 30_000_000 });
  // The last of the series was at 5 s.
  time.pass(14_999_999);
  expect(sent).toBe(5);
  time.pass(1);
  expect(sent).toBe(6);
  announcements.change(PLAN);
  time.pass(600_000_000);
  expect(sent).toBe(6);
});

test('another plan makes nobody announce who does not own', () => {
  announcements.change({ ...PLAN, refreshUs: 1_000_000 });
  time.pass(10_000_000);
  announcements.announce();
  time.pass(0);
  announcements.stop();
  announcements.change({ ...PLAN, refreshUs: 2_000_000 });
  time.pass(10_000_000);
  expect(sent).toBe(1);
});

test('an owner answers a foreign claim at once, and tells who it was, for a minute', () => {
  announcements.announce();
  time.pass(20_000_000);
  announcements.claimedBy(CLAIM);
  expect(sent).toBe(6);
  expect(announcements.claims).toBe(1);
  expect(announcements.alarm).toContain('02:00:00:00:00:66 announces 192.0.2.100, which is owned here');
  expect(lines().map(({ msg }) => msg)).toEqual([announcements.alarm]);
  time.pass(60_000_000);
  expect(announcements.alarm).toBeUndefined();
});

test('however often the address was removed at the owner: the next foreign claim is answered at once', () => {
  announcements.announce();
  time.pass(20_000_000);
  for (let flush = 0; flush < 20; flush += 1) {
    announcements.announceRestored();
    time.pass(1_000);
  }
  time.pass(6_000_000);
  const before = sent;
  announcements.claimedBy(CLAIM);
  expect(sent).toBe(before + 1);
});

test('a node that does not own takes no notice: the other one may be the owner', () => {
  announcements.claimedBy(CLAIM);
  announcements.announce();
  announcements.stop();
  announcements.claimedBy(CLAIM);
  time.pass(20_000_000);
  expect(sent).toBe(1);
  expect(announcements.claims).toBe(0);
  expect(lines()).toEqual([]);
});

test('a conflict that is told of in every heartbeat does not end in a flood', () => {
  announcements.announce();
  for (let heartbeat = 0; heartbeat < 400; heartbeat += 1) {
    time.pass(25_000);
    announcements.announce();
  }
  expect(sent).toBeLessThanOrEqual(12);
});

test('a series and a refresh have copies of their own', () => {
  const copies: number[] = [];
  const refreshed = new Announcements({
    announceNow: (count) => copies.push(count),
    plan: { ...PLAN, repeatAfterUs: [1_000_000], copies: 3, refreshUs: 60_000_000, refreshCopies: 2 },
    clock: time,
    complaints: new RateLimitedLog(recordedLog().log, time.nowUs),
  });
  refreshed.announce();
  time.pass(125_000_000);
  expect(copies).toEqual([3, 3, 2, 2]);
  refreshed.stop();
  time.pass(600_000_000);
  expect(copies).toHaveLength(4);
});
