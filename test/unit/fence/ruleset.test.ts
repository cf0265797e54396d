import { describe, expect, it } from 'vitest';
import { type FenceConfig, problemIn, type RulesetConfig } from '../../../agent/kernel/fence/config.ts';
import { encodeLeasePacket, leaseCode } from '../../../agent/kernel/fence/lease-packet.ts';
import { readable } from '../../../agent/kernel/fence/nftables.ts';
import { fenceRuleset, interfaceRuleset } from '../../../agent/kernel/fence/ruleset.ts';

const SECRET = Buffer.from('a1b2c3d4e5f60718293a4b5c6d7e8f90', 'hex');

const config: RulesetConfig = {
  secret: SECRET,
  kernelTickUs: 4_000,
  userId: 0,
  egress: true,
  groups: [
    {
      id: 33,
      addresses: ['10.77.0.100', '10.77.0.101', 'fe80::100'],
      virtualRouters: [
        { interface: 'eth0', family: 'ipv4', virtualRouterId: 51 },
        { interface: 'eth0', family: 'ipv6', virtualRouterId: 52 },
      ],
      gatewayInterfaces: [],
      intervalUs: 100_000,
    },
    { id: 34, addresses: ['10.77.0.102'], virtualRouters: [], gatewayInterfaces: [], intervalUs: 1_000_000 },
  ],
  interfaces: ['eth0', 'eth1'],
  sideband: [
    { port: 3112, peers: ['192.0.2.2'] },
    { port: 3112, peers: ['192.0.2.3', '192.0.2.2', '2001:db8::3'] },
  ],
};

/** The rules of a chain, without indentation. */
function rulesOf(chainName: string, text = fenceRuleset(config)): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  const start = lines.indexOf(`chain ${chainName} {`);
  return start === -1 ? [] : lines.slice(start + 1, lines.indexOf('}', start));
}

describe('the ruleset', () => {
  it('replaces the tables of a former run in its own transaction', () => {
    expect(fenceRuleset(config).split('\n').slice(0, 4)).toEqual([
      'add table netdev tiebreak',
      'delete table netdev tiebreak',
      'add table inet tiebreak',
      'delete table inet tiebreak',
    ]);
  });

  it('extends a lease by one element, whatever hangs on it, and is confirmed by the rule that did', () => {
    expect(rulesOf('for_512ms')).toEqual([
      'update @alive { @th,224,16 timeout 512ms } udp dport set 3114 accept',
      'drop',
    ]);
  });

  it('lets what packets carry through only while its group is open', () => {
    const text = fenceRuleset(config);
    expect(rulesOf('while_g33_open')).toEqual(['@nh,0,16 & 0 | 33 @alive return', 'drop']);
    expect(text).toContain(
      'map lease4 { type ipv4_addr : verdict; elements = { 10.77.0.100 : jump while_g33_open, ' +
        '10.77.0.101 : jump while_g33_open, 10.77.0.102 : jump while_g34_open }; }',
    );
    expect(text).toContain(
      'map lease6 { typeof @th,64,128 : verdict; elements = { 0xfe800000000000000000000000000100 : jump while_g33_open }; }',
    );
    expect(text).toContain('map lease6 { type ipv6_addr : verdict; elements = { fe80::100 : jump while_g33_open }; }');
    expect(text).toContain(
      'map advertising6_eth0 { typeof @th,8,8 : verdict; elements = { 52 : jump while_g33_open }; }',
    );
  });

  it('grows by one line of a map for an address, and by two chains for a group', () => {
    const linesWith = (groups: number, addresses: number) => {
      const list = Array.from({ length: groups }, (_, group) => ({
        id: group + 1,
        addresses: Array.from({ length: addresses }, (_, index) => `10.1.${group}.${index}`),
        virtualRouters: [],
        gatewayInterfaces: [],
        intervalUs: 1e6,
      }));
      return fenceRuleset({ ...config, groups: list }).split('\n').length;
    };
    expect(linesWith(1, 250)).toBe(linesWith(1, 1));
    expect(linesWith(250, 1) - linesWith(32, 1)).toBe(218 * 2 * rulesOf('while_g33_open').length * 2);
  });

  it('lists as many leases in a packet for several as there are groups, 24 at most, and none for one', () => {
    const slots = (groups: number) => {
      const list = Array.from({ length: groups }, (_, index) => ({
        id: index + 1,
        addresses: [`10.1.${index}.1`],
        virtualRouters: [],
        gatewayInterfaces: [],
        intervalUs: 1e6,
      }));
      const [rule = ''] =
        /update @alive .* timeout 152ms \} .*/.exec(
          fenceRuleset({ ...config, groups: list }).split('chain together_152ms')[1] ?? '',
        ) ?? [];
      return rule.split('update').length - 1;
    };
    expect([1, 2, 23, 33].map(slots)).toEqual([0, 2, 23, 24]);
    expect(fenceRuleset({ ...config, groups: config.groups.slice(0, 1) })).not.toContain('together');
  });

  it('hands a packet for several on only if every one of them was alive and was extended', () => {
    expect(rulesOf('together')).toEqual([
      'delete @armed { @th,192,32 . @th,224,16 }',
      '@th,256,16 != @alive drop',
      '@th,272,16 != @alive drop',
      expect.stringContaining(`@th,240,16 vmap { ${0x4000 + 15} : goto together_60ms, `),
      'drop',
    ]);
    expect(rulesOf('together_152ms')).toEqual([
      'update @alive { @th,256,16 timeout 152ms } update @alive { @th,272,16 timeout 152ms } udp dport set 3114 accept',
      'drop',
    ]);
  });

  it('lets nobody’s lease let through what is withdrawn, and a new owner’s what another has lost', () => {
    const [edge, web] = config.groups;
    if (edge === undefined || web === undefined) throw new Error('there are two');
    const withdrawn = {
      addresses: ['10.77.0.101', '10.77.0.102'],
      virtualRouters: [{ interface: 'eth0', family: 'ipv4', virtualRouterId: 51 }] as const,
    };
    const going = { ...edge, addresses: ['10.77.0.100'], virtualRouters: [], withdrawn };
    const text = fenceRuleset({ ...config, groups: [going, web] });
    expect(text).toContain(
      'elements = { 10.77.0.101 : drop, 10.77.0.102 : jump while_g34_open, 10.77.0.100 : jump while_g33_open }',
    );
    expect(text).toContain('set vip4 { type ipv4_addr; elements = { 10.77.0.100, 10.77.0.101, 10.77.0.102 }; }');
    expect(text).toContain('map advertising4_eth0 { typeof @th,8,8 : verdict; elements = { 51 : drop }; }');
  });

  it('delivers nothing to addresses that are refused, but lets neighbours find them', () => {
    const refusing = { ...config, groups: config.groups.map((group) => ({ ...group, refused: group.addresses })) };
    const rules = rulesOf('in', fenceRuleset(refusing));
    expect(rules).toContain('meta l4proto != 112 ip daddr { 10.77.0.100, 10.77.0.101, 10.77.0.102 } drop');
    const found = rules.indexOf(
      'ip6 daddr { fe80::100 } icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept',
    );
    expect(found).toBeGreaterThan(-1);
    expect(rules.indexOf('meta l4proto != 112 ip6 daddr { fe80::100 } drop')).toBeGreaterThan(found);
    expect(rulesOf('in').filter((rule) => rule.includes('daddr'))).toEqual([]);
    const [first] = config.groups;
    if (first === undefined) throw new Error('there is a group');
    expect(problemIn({ ...config, groups: [{ ...first, refused: ['192.0.2.1'] }] })).toContain('192.0.2.1');
  });

  it('takes the lease away on CLOSE, the sentinel first', () => {
    expect(rulesOf('close')).toEqual([
      'delete @armed { @th,192,32 . @th,224,16 }',
      'delete @alive { @th,224,16 }',
      'udp dport set 3114 accept',
    ]);
  });

  it('gives each group the sentinel of its own interval', () => {
    expect(rulesOf('lease')[1]).toBe(
      '@th,240,16 0 @th,224,16 vmap { 0 : goto arm_12ms, 33 : goto arm_12ms, 34 : goto arm_50ms }',
    );
  });

  it('leads REFRESH and OPEN of one step to the same chain, by code', () => {
    const verdicts = rulesOf('lease').find((rule) => rule.startsWith('@th,240,16 vmap')) ?? '';
    expect(verdicts).toContain(`128 : goto for_512ms, ${0x8000 + 128} : goto for_512ms`);
    expect(verdicts.split('goto for_512ms')).toHaveLength(3);
  });

  it('has one lifetime, as step 1, for a group that is held open without a lease', () => {
    const held = {
      id: 9,
      addresses: [],
      virtualRouters: [],
      gatewayInterfaces: [],
      intervalUs: 255e6,
      heldMs: 765_000,
    };
    const text = fenceRuleset({ ...config, groups: [held] });
    expect(rulesOf('for_765000ms', text)).toHaveLength(2);
    expect(rulesOf('g9_held', text)).toEqual(['update @alive { 9 timeout 765000ms } return', 'drop']);
    expect(text).toContain('map held { typeof @th,224,16 : verdict; elements = { 9 : jump g9_held }; }');
    // The numbers lie behind the lease packet's 24 bytes, which follow the eight of UDP.
    expect(rulesOf('held', text).slice(1, 5)).toEqual([
      '@th,256,16 != @alive drop',
      '@th,256,16 vmap @held',
      '@th,272,16 != @alive drop',
      '@th,272,16 vmap @held',
    ]);
    expect(rulesOf('held')).toEqual([]);
    expect(rulesOf('lease', text).find((rule) => rule.startsWith('@th,224,32'))).toMatch(
      new RegExp(`{ ${9 * 65_536 + 1} : goto for_765000ms, ${9 * 65_536 + 0x8001} : goto for_765000ms }$`),
    );
  });

  it('forwards nothing in on a gateway’s interface unless a group of that interface is open', () => {
    const gateways = config.groups.map((group) => ({ ...group, gatewayInterfaces: ['eth0'] }));
    const text = fenceRuleset({ ...config, groups: gateways });
    expect(rulesOf('through', text)[1]).toBe('iifname "eth0" jump gateway_eth0');
    expect(rulesOf('gateway_eth0', text)).toEqual([
      '@nh,0,16 & 0 | 33 @alive return',
      '@nh,0,16 & 0 | 34 @alive return',
      'drop',
    ]);
    expect(rulesOf('through')).toEqual([]);
  });

  it('takes lease packets from the agent’s user only', () => {
    expect(rulesOf('out', fenceRuleset({ ...config, userId: 997 }))).toContain(
      'udp dport 3113-3115 meta skuid != 997 drop',
    );
  });

  it('unites the peers of groups that share a sideband port', () => {
    expect(rulesOf('sideband_3112')).toEqual([
      'ip saddr { 192.0.2.2, 192.0.2.3 } goto sideband_ip',
      'ip6 saddr { 2001:db8::3 } goto sideband_ip6',
      'drop',
    ]);
  });

  it('holds advertisements back at the egress of the router’s interface, or in inet without that hook', () => {
    const egressRule =
      'add rule netdev tiebreak out_eth0 ip protocol 112 @th,16,8 != 0 @th,8,8 vmap @advertising4_eth0';
    expect(fenceRuleset(config)).toContain(egressRule);
    expect(fenceRuleset(config)).toContain(
      'out_eth0 ip6 version 6 meta l4proto 112 @th,16,8 != 0 @th,8,8 vmap @advertising6_eth0',
    );
    const without = fenceRuleset({ ...config, egress: false });
    expect(without).not.toContain('hook egress');
    expect(rulesOf('out', without)).toContain(
      'oifname "eth0" ip protocol 112 @th,16,8 != 0 @th,8,8 vmap @advertising4_eth0',
    );
  });

  it('covers an interface that comes later without touching any set', () => {
    expect(interfaceRuleset(config, 'eth2')).toBe(
      [
        'add chain netdev tiebreak in_eth2 { type filter hook ingress device "eth2" priority -500; }',
        'flush chain netdev tiebreak in_eth2',
        'add rule netdev tiebreak in_eth2 jump arp_in',
        'add rule netdev tiebreak in_eth2 jump nd_in',
        'add chain netdev tiebreak out_eth2 { type filter hook egress device "eth2" priority -500; }',
        'flush chain netdev tiebreak out_eth2',
        'add rule netdev tiebreak out_eth2 jump arp_out',
        'add rule netdev tiebreak out_eth2 jump nd_out',
        '',
      ].join('\n'),
    );
  });

  it('names chains of different interfaces differently', () => {
    const chainOf = (name: string) => interfaceRuleset(config, name).split(' ')[4];
    expect(new Set(['br_lan', 'br-lan', 'br+lan', 'br_5f_lan', 'br.lan'].map(chainOf)).size).toBe(5);
  });

  it('is not made from a secret of another length', () => {
    expect(() => fenceRuleset({ ...config, secret: SECRET.subarray(1) })).toThrow('16 bytes');
  });
});

describe('the lease packet', () => {
  it('names the held groups behind it', () => {
    const act = { kind: 'refresh-held', groupIds: [300, 7] } as const;
    expect(Buffer.from(encodeLeasePacket(SECRET, 1, 0, act)).toString('hex')).toBe(
      'a1b2c3d4e5f60718293a4b5c6d7e8f90' + '00000001' + '0000' + '7ffe' + '012c' + '0007',
    );
    const tooMany = Array.from({ length: 33 }, (_, index) => index + 1);
    expect(() => encodeLeasePacket(SECRET, 1, 0, { ...act, groupIds: tooMany })).toThrow('32');
  });

  it('names the leases behind it that it refreshes together, and the step of their lifetime', () => {
    const act = { kind: 'refresh-together', step: 38, groupIds: [33, 34] } as const;
    expect(Buffer.from(encodeLeasePacket(SECRET, 1, 0, act)).toString('hex')).toBe(
      'a1b2c3d4e5f60718293a4b5c6d7e8f90' + '00000001' + '0000' + '4026' + '0021' + '0022',
    );
  });

  it('has its fields where the ruleset reads them', () => {
    expect(Buffer.from(encodeLeasePacket(SECRET, 0x01020304, 33, { kind: 'open', step: 129 })).toString('hex')).toBe(
      'a1b2c3d4e5f60718293a4b5c6d7e8f90' + '01020304' + '0021' + '8081',
    );
  });

  it('tells its acts apart by code', () => {
    expect(leaseCode({ kind: 'arm' })).toBe(0);
    expect(leaseCode({ kind: 'refresh', step: 375 })).toBe(375);
    expect(leaseCode({ kind: 'open', step: 375 })).toBe(0x8000 + 375);
    expect(leaseCode({ kind: 'close' })).toBe(0x7fff);
  });
});

describe('a configuration that the fence cannot enforce is refused', () => {
  const group = {
    id: 1,
    addresses: ['192.0.2.100'],
    virtualRouters: [{ interface: 'eth0', family: 'ipv4', virtualRouterId: 1 }],
    gatewayInterfaces: [],
    intervalUs: 1e6,
  } as const;
  const good: FenceConfig = { groups: [group], interfaces: ['eth0'], sideband: [] };

  it('and a good one is not', () => {
    expect(problemIn(good)).toBeUndefined();
    expect(problemIn(config)).toBeUndefined();
    expect(problemIn({ ...good, groups: [{ ...group, addresses: ['fe80::1', 'fe80::1'] }] })).toBeUndefined();
  });

  it.each<[string, Partial<FenceConfig>]>([
    ['is outside 1..65535', { groups: [{ ...group, id: 0 }] }],
    ['is used twice', { groups: [group, { ...group, addresses: [], virtualRouters: [] }] }],
    ['not an IP address', { groups: [{ ...group, addresses: ['fe80::1%eth0'] }] }],
    ['listed twice', { groups: [{ ...group, addresses: ['2001:db8::1', '2001:db8:0::1'] }] }],
    [
      'listed twice',
      {
        groups: [
          { ...group, addresses: ['fe80::1'] },
          { ...group, id: 2, addresses: ['fe80::1'] },
        ],
      },
    ],
    ['not an IP address', { groups: [{ ...group, addresses: ['192.0.2.1 } accept'] }] }],
    ['listed twice', { groups: [group, { ...group, id: 2, virtualRouters: [] }] }],
    ['listed twice', { groups: [group, { ...group, id: 2, addresses: [] }] }],
    ['not among the fenced interfaces', { interfaces: ['eth1'] }],
    [
      'outside 1..255',
      { groups: [{ ...group, virtualRouters: [{ interface: 'eth0', family: 'ipv4', virtualRouterId: 256 }] }] },
    ],
    ['cannot be held', { groups: [{ ...group, heldMs: 10 }] }],
    ['not among the fenced interfaces', { groups: [{ ...group, gatewayInterfaces: ['eth1'] }] }],
    ['not an interface name', { interfaces: ['eth0', 'a" drop'] }],
    ['not an interface name', { interfaces: ['eth0', 'eth*'] }],
    ['lo is always fenced', { interfaces: ['eth0', 'lo'] }],
    ['sideband port', { sideband: [{ port: 0, peers: [] }] }],
    ['sideband peer', { sideband: [{ port: 3112, peers: ['peer'] }] }],
  ])('%s', (sentence, change) => {
    expect(problemIn({ ...good, ...change })).toContain(sentence);
  });
});

describe('an nft error text becomes a sentence', () => {
  it('with the place', () => {
    const text =
      '/dev/stdin:1:1-9: Error: Could not process rule: No such file or directory\ndelete table inet x\n^^^^^^^^^\n';
    expect(readable(text)).toBe('Could not process rule: No such file or directory, at: delete table inet x');
  });

  it('without the secret', () => {
    const text = `<cmdline>:9:5-9: Error: syntax error\n    @th,64,128 != 0x${SECRET.toString('hex')} drop\n    ^^^\n`;
    expect(readable(text)).toBe('syntax error, at: @th,64,128 != 0x[hidden] drop');
  });

  it('even if nft said nothing', () => {
    expect(readable('')).toBe('nftables refused without giving a reason');
  });
});
