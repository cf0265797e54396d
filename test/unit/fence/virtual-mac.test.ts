import { expect, it } from 'vitest';
import type { FencedRouter, RulesetConfig } from '../../../agent/kernel/fence/config.ts';
import { fenceRuleset, interfaceRuleset } from '../../../agent/kernel/fence/ruleset.ts';

const router = (name: string, family: 'ipv4' | 'ipv6', virtualRouterId: number, virtualMac: boolean): FencedRouter => ({
  interface: name,
  family,
  virtualRouterId,
  virtualMac,
});

const config: RulesetConfig = {
  secret: new Uint8Array(16),
  kernelTickUs: 4_000,
  userId: 0,
  egress: true,
  groups: [
    {
      id: 7,
      addresses: ['10.77.0.100', 'fe80::100'],
      virtualRouters: [router('eth0', 'ipv4', 33, true), router('eth0', 'ipv6', 33, true)],
      gatewayInterfaces: [],
      intervalUs: 250_000,
    },
    {
      id: 8,
      addresses: ['10.77.0.101'],
      virtualRouters: [router('eth0', 'ipv4', 34, false), router('eth1', 'ipv4', 255, true)],
      gatewayInterfaces: [],
      intervalUs: 250_000,
    },
  ],
  interfaces: ['eth0', 'eth1', 'tb33.eth0'],
  sideband: [],
};

const VLAN = '@ll,96,16 { 0x8100, 0x88a8 } accept';
const MACS = '{ 00:00:5e:00:01:21, 00:00:5e:00:02:21 }';

function rulesOf(chain: string, name: string): string[] {
  const start = `add rule netdev tiebreak ${chain} `;
  const lines = interfaceRuleset(config, name).split('\n');
  return lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length));
}

/** The rules of a chain of both tables. */
function chainsOf(name: string, text = fenceRuleset(config)): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.flatMap((line, at) =>
    line === `chain ${name} {` ? [lines.slice(at + 1, lines.indexOf('}', at)).join('\n')] : [],
  );
}

it('a frame to a virtual MAC comes in on the parent only while its group is open, whatever it carries', () => {
  expect(rulesOf('in_eth0', 'eth0').slice(2)).toEqual([VLAN, `ether daddr ${MACS} ether daddr != @mac_eth0 drop`]);
});

it('and one from it leaves by the parent only then, before the rule on advertisements', () => {
  const rules = rulesOf('out_eth0', 'eth0').slice(2);
  expect(rules.slice(0, 2)).toEqual([VLAN, `ether saddr ${MACS} ether saddr != @mac_eth0 drop`]);
  expect(rules.filter((rule) => rule === VLAN)).toHaveLength(1);
});

it('a virtual router without virtual_mac has no such rule, nor has the macvlan itself', () => {
  expect(rulesOf('in_eth1', 'eth1')).toContain('ether daddr { 00:00:5e:00:01:ff } ether daddr != @mac_eth1 drop');
  expect(rulesOf('in_tb33.eth0', 'tb33.eth0')).toEqual(['jump arp_in', 'jump nd_in']);
});

it('the lease of a group keeps its virtual MACs alive, all or nothing, in the netdev table only', () => {
  const [netdev, inet] = chainsOf('g7_512ms');
  expect(netdev).toContain(
    'update @mac_eth0 { 00:00:5e:00:01:21 timeout 512ms } update @mac_eth0 { 00:00:5e:00:02:21 timeout 512ms } udp dport',
  );
  expect(inet).not.toContain('@mac_');
  expect(chainsOf('g8_512ms')[0]).toContain('update @mac_eth1 { 00:00:5e:00:01:ff timeout 512ms }');
  expect(chainsOf('g8_512ms')[0]).not.toContain('@mac_eth0');
});

it('CLOSE takes them away', () => {
  expect(chainsOf('g7_close')[0]?.split('\n')).toEqual(
    expect.arrayContaining(['delete @mac_eth0 { 00:00:5e:00:01:21 }', 'delete @mac_eth0 { 00:00:5e:00:02:21 }']),
  );
});
