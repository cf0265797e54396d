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

const VLAN = '@ll,96,16 { 0x8100, 0x88a8 } @ll,116,12 != 0 accept';

function rulesOf(chain: string, name: string): string[] {
  const start = `add rule netdev tiebreak ${chain} `;
  const lines = interfaceRuleset(config, name).split('\n');
  return lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length));
}

it('a frame to a virtual MAC comes in on the parent only while its group is open, whatever it carries', () => {
  expect(rulesOf('in_eth0', 'eth0').slice(2)).toEqual([VLAN, 'ether daddr vmap @mac_eth0']);
});

it('and one from it leaves by the parent only then, before the rule on advertisements', () => {
  const rules = rulesOf('out_eth0', 'eth0').slice(2);
  expect(rules.slice(0, 2)).toEqual([VLAN, 'ether saddr vmap @mac_eth0']);
  expect(rules.filter((rule) => rule === VLAN)).toHaveLength(1);
});

it('a virtual router without virtual_mac has no such rule, nor has the macvlan itself', () => {
  expect(rulesOf('in_eth1', 'eth1')).toContain('ether daddr vmap @mac_eth1');
  expect(rulesOf('in_tb33.eth0', 'tb33.eth0')).toEqual(['jump arp_in', 'jump nd_in']);
});

it('its virtual MACs hang on the lease of a group, in the netdev table only', () => {
  const [netdev = '', inet = ''] = fenceRuleset(config).split('table inet tiebreak {');
  expect(netdev).toContain(
    'map mac_eth0 { type ether_addr : verdict; ' +
      'elements = { 00:00:5e:00:01:21 : jump while_g7_open, 00:00:5e:00:02:21 : jump while_g7_open }; }',
  );
  expect(netdev).toContain('elements = { 00:00:5e:00:01:ff : jump while_g8_open }');
  expect(inet.split('}\nadd chain')[0]).not.toContain('mac_eth');
});
