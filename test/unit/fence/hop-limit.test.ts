import { expect, it } from 'vitest';
import { hopLimitChains, hopLimitRules } from '../../../agent/kernel/fence/hop-limit.ts';
import { packetsOf, sendersIn } from '../../../agent/kernel/fence/hop-limit-drops.ts';
import { encodeAttributes, text } from '../../../agent/kernel/netlink-message.ts';

const NFGENMSG = Uint8Array.of(1, 0, 0, 7);

it('VRRP of another hop limit ends in the fence, whether or not its sender could be noted', () => {
  expect(hopLimitRules([])).toEqual([
    'meta l4proto 112 ip ttl != 255 goto hop_limit4_drop',
    'meta l4proto 112 ip6 hoplimit != 255 goto hop_limit6_drop',
  ]);
  const lines = hopLimitChains().map((line) => line.trim());
  expect(lines.slice(lines.indexOf('chain hop_limit6_drop {'))).toEqual([
    'chain hop_limit6_drop {',
    'counter name hop_limit6',
    'update @hop_limit_senders6 { iifname . @th,8,8 . ip6 saddr }',
    'drop',
    '}',
  ]);
});

it('of a unicast peer that says so a lower one is enough, for its own virtual router and sent to this host', () => {
  const router = { interface: 'eth0', family: 'ipv6', virtualRouterId: 52, unicast: ['2001:db8::2'] } as const;
  const ipv4 = { interface: 'eth0', family: 'ipv4', virtualRouterId: 53, unicast: ['192.0.2.2', '192.0.2.3'] } as const;
  const routers = [
    { ...router, minTtl: 64 },
    { ...ipv4, minTtl: 254 },
    { ...router, virtualRouterId: 54 },
  ];
  expect(hopLimitRules([{ virtualRouters: routers }])).toEqual([
    'meta l4proto 112 ip saddr { 192.0.2.2, 192.0.2.3 } ip daddr != 224.0.0.0/4 @th,8,8 53 ip ttl >= 254 accept',
    'meta l4proto 112 ip ttl != 255 goto hop_limit4_drop',
    'meta l4proto 112 ip6 saddr { 2001:db8::2 } ip6 daddr != ff00::/8 @th,8,8 52 ip6 hoplimit >= 64 accept',
    'meta l4proto 112 ip6 hoplimit != 255 goto hop_limit6_drop',
  ]);
});

it("the kernel's counter is read as packets, not as bytes", () => {
  const data = encodeAttributes([
    { type: 1, value: Uint8Array.of(0, 0, 0, 0, 0, 0, 9, 9) },
    { type: 2, value: Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 5) },
  ]);
  const payload = Buffer.concat([NFGENMSG, encodeAttributes([{ type: 4, value: data }])]);
  expect(packetsOf(payload)).toBe(2 ** 32 + 5);
  expect(packetsOf(NFGENMSG)).toBe(0);
});

it('every element of the set is a sender; what is cut short is none', () => {
  const element = (name: string, virtualRouterId: number, address: Uint8Array) => {
    const key = new Uint8Array(20 + address.length);
    key.set(text(name));
    key[16] = virtualRouterId;
    key.set(address, 20);
    const value = encodeAttributes([{ type: 1, value: encodeAttributes([{ type: 1, value: key }]) }]);
    return { type: 1, value };
  };
  const elements = encodeAttributes([
    element('eth0', 33, Uint8Array.of(192, 0, 2, 1)),
    element('eth1', 34, Uint8Array.of(192, 0, 2, 2)),
    element('eth2', 35, Uint8Array.of(192)),
  ]);
  const payload = Buffer.concat([NFGENMSG, encodeAttributes([{ type: 3, value: elements }])]);
  expect(sendersIn(payload, 'ipv4').map((found) => ({ ...found, address: [...found.address] }))).toEqual([
    { interface: 'eth0', virtualRouterId: 33, address: [192, 0, 2, 1] },
    { interface: 'eth1', virtualRouterId: 34, address: [192, 0, 2, 2] },
  ]);
  expect(sendersIn(NFGENMSG, 'ipv6')).toEqual([]);
});
