import type { AddressFamily } from '@tiebreak/shared/vrrp';
import { beforeEach, expect, test } from 'vitest';
import { HopLimitWatch } from '../../../agent/engine/hop-limit-watch.ts';
import { RateLimitedLog } from '../../../agent/engine/rate-limited-log.ts';
import type { FarSender } from '../../../agent/kernel/fence/index.ts';
import { recordedLog } from './recorded-log.ts';
import { VirtualTime } from './virtual-time.ts';

let time: VirtualTime;
let counters: Map<AddressFamily, number> | undefined;
let senders: readonly FarSender[];
let watch: HopLimitWatch;
let lines: () => { msg: string }[];

beforeEach(() => {
  time = new VirtualTime();
  counters = new Map();
  senders = [{ interface: 'eth0', virtualRouterId: 33, address: Uint8Array.of(192, 0, 2, 7) }];
  const recorded = recordedLog();
  lines = recorded.lines;
  const gone = { ok: false, code: 'ENOENT', errno: 2, call: 'netlink', text: 'no such table' } as const;
  watch = new HopLimitWatch(
    {
      dropped: (family) => (counters === undefined ? gone : { ok: true, value: counters.get(family) ?? 0 }),
      senders: () => ({ ok: true, value: senders }),
      close: () => {},
    },
    new RateLimitedLog(recorded.log, time.nowUs),
  );
});

/** One look with so many IPv4 packets in the counter; undefined: no tables. */
function look(packets: number | undefined): number {
  counters = packets === undefined ? undefined : new Map([['ipv4', packets]]);
  watch.look();
  return watch.dropped.get('ipv4') ?? Number.NaN;
}

test('says who, where and what to do, and not of what was dropped before', () => {
  expect(look(3)).toBe(3);
  expect(look(3)).toBe(3);
  expect(lines()).toHaveLength(1);
  expect(lines()[0]?.msg).toMatch(
    /^refused 3 VRRP packet\(s\) whose TTL is not 255, from 192\.0\.2\.7 on eth0 \(virtual router 33\): .* set unicast_ttl 255 /,
  );
});

test('goes on from what it had counted when the tables were made anew, or are away', () => {
  expect([look(3), look(undefined), look(2), look(4)]).toEqual([3, 3, 5, 7]);
});

test('one line in 10 s, however many are dropped', () => {
  for (let packets = 1; packets <= 20; packets += 1) {
    look(packets);
    time.pass(1_000_000);
  }
  expect(lines()).toHaveLength(2);
});

test('of many senders it names four', () => {
  senders = Array.from({ length: 9 }, (_, index) => ({
    interface: 'eth0',
    virtualRouterId: 33,
    address: Uint8Array.of(192, 0, 2, index),
  }));
  look(1);
  expect(lines()[0]?.msg).toContain('192.0.2.3 on eth0 (virtual router 33) and 5 more: ');
});
