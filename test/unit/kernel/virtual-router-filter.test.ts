import { expect, it } from 'vitest';
import { ipv4VrrpPacket } from '../../../agent/kernel/ip-packet.ts';
import { virtualRouterFilter } from '../../../agent/kernel/virtual-router-filter.ts';
import { runFilter } from './run-filter.ts';

const SOURCE = Uint8Array.of(192, 0, 2, 1);
const GROUP = Uint8Array.of(224, 0, 0, 18);

function message(virtualRouterId: number): Uint8Array {
  return Uint8Array.of(0x31, virtualRouterId, 100, 1, 0, 25, 0, 0, 192, 0, 2, 100);
}

function ipv4(payload: Uint8Array, optionBytes = 0): Uint8Array {
  const packet = ipv4VrrpPacket(SOURCE, GROUP, payload);
  const whole = Uint8Array.of(...packet.subarray(0, 20), ...new Uint8Array(optionBytes), ...payload);
  whole[0] = 0x40 | (5 + optionBytes / 4);
  return whole;
}

it.each(['ipv4', 'ipv6'] as const)('%s: the kernel lets through its own virtual routers and no other', (family) => {
  const ids = [1, 33, 255];
  const program = virtualRouterFilter(family, ids);
  for (let id = 0; id <= 255; id += 1) {
    const payload = message(id);
    expect(runFilter(program, family === 'ipv4' ? ipv4(payload) : payload) > 0).toBe(ids.includes(id));
  }
});

it('the id is found behind the options of an IPv4 header', () => {
  const program = virtualRouterFilter('ipv4', [33]);
  expect(runFilter(program, ipv4(message(33), 40))).toBeGreaterThan(0);
  expect(runFilter(program, ipv4(message(34), 40))).toBe(0);
});

it('what is too short to say whose it is comes through, to be counted', () => {
  for (const payload of [new Uint8Array(0), Uint8Array.of(0x31)]) {
    expect(runFilter(virtualRouterFilter('ipv4', [33]), ipv4(payload))).toBeGreaterThan(0);
    expect(runFilter(virtualRouterFilter('ipv6', [33]), payload)).toBeGreaterThan(0);
  }
});

it('has room for every virtual router that there can be', () => {
  const all = Array.from({ length: 255 }, (_, index) => index + 1);
  // BPF_MAXINSNS
  expect(virtualRouterFilter('ipv4', all).length / 8).toBeLessThanOrEqual(4096);
});
