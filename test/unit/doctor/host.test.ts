import { describe, expect, it } from 'vitest';
import { judgeClockDiscipline } from '../../../agent/doctor/clock.ts';
import { judgeInterfaces } from '../../../agent/doctor/interfaces.ts';
import { judgeKernel, type KernelFacts } from '../../../agent/doctor/kernel-features.ts';
import { judgeMemberships, members6In, membersIn } from '../../../agent/doctor/memberships.ts';
import { neighboursIn } from '../../../agent/doctor/neighbours.ts';
import {
  defaultRoutesIn,
  type InterfaceSettings,
  judgeNetworkSettings,
} from '../../../agent/doctor/network-settings.ts';
import { judgePacketPrograms } from '../../../agent/doctor/packet-programs.ts';
import { judgePrivilege } from '../../../agent/doctor/privilege.ts';
import { configOf, edit, PAIR, PLAIN } from '../config/example.ts';
import { ABSENT, ETH0, running, told } from './facts.ts';

const config = configOf(PAIR);
const backup = running({ role: 'backup', owner: 'b' });

describe('interfaces', () => {
  const with100 = {
    ...ETH0,
    addresses: [...ETH0.addresses, { family: 'ipv4', address: '192.0.2.100', duplicate: false } as const],
  };

  it('as they should be', () => {
    expect(told(judgeInterfaces(config, [ETH0], ABSENT))).toEqual([
      "ok interfaces: eth0: up, with a carrier and an address of this host's own",
    ]);
    expect(told(judgeInterfaces(config, [with100], running()))[0]).toMatch(/^ok /);
  });

  it.each([
    ['missing', [{ ...ETH0, name: 'eth1' }], ABSENT, 'problem eth0: there is no such interface; this host has eth1'],
    ['down', [{ ...ETH0, up: false, carrier: false }], ABSENT, 'problem eth0: is switched off'],
    ['without carrier', [{ ...ETH0, carrier: false }], ABSENT, 'problem eth0: is up and has no carrier'],
    [
      'without an own address',
      [{ ...ETH0, addresses: [] }],
      ABSENT,
      "problem eth0: has no IPv4 address of this host's own to send from",
    ],
    [
      'with the virtual address alone',
      [{ ...with100, addresses: with100.addresses.slice(1) }],
      running(),
      "problem eth0: has no IPv4 address of this host's own to send from",
    ],
    [
      'with a virtual address, and no agent',
      [with100],
      ABSENT,
      'problem eth0: virtual address 192.0.2.100 is there, though no agent runs',
    ],
    [
      'with a virtual address at the backup',
      [with100],
      backup,
      'problem eth0: virtual address 192.0.2.100 is there, though this node does not own group edge',
    ],
    [
      'without the virtual address at the owner',
      [ETH0],
      running(),
      'problem eth0: virtual address 192.0.2.100 is not there, though this node owns group edge',
    ],
    [
      "with the peer's address",
      [{ ...ETH0, addresses: [{ family: 'ipv4', address: '192.0.2.2', duplicate: false }] }],
      ABSENT,
      "problem peer b: 192.0.2.2 is given as peer b's, and is this host's own",
    ],
    [
      'with an address that another host has',
      [{ ...ETH0, addresses: [{ family: 'ipv4', address: '192.0.2.1', duplicate: true }] }],
      ABSENT,
      'problem eth0: another host on the link has 192.0.2.1 too, so the kernel does not use it',
    ],
  ] as const)('%s', (_what, interfaces, agent, line) => {
    expect(told(judgeInterfaces(config, interfaces, agent))).toEqual([line]);
  });

  it('says nothing of virtual addresses when the agent does not answer', () => {
    expect(told(judgeInterfaces(config, [with100], { kind: 'unclear', why: 'frozen' }))[0]).toMatch(/^ok /);
  });
});

describe('the kernel', () => {
  const good: KernelFacts = { release: '6.18.0', tickMs: 4, fence: { level: 'full' } };

  it('with the whole fence', () => {
    expect(told(judgeKernel(good, config))).toEqual(['ok kernel: Linux 6.18.0, the whole fence, a tick of 4 ms']);
  });

  it('without a fence: a problem for a lease, a warning for plain VRRP', () => {
    const none = { ...good, fence: { level: 'none', why: 'no nftables' } } as const;
    expect(told(judgeKernel(none, config))).toEqual(['problem fence: there is none: no nftables']);
    expect(told(judgeKernel(none, configOf(PLAIN)))).toEqual(['warning fence: there is none: no nftables']);
  });

  it('without the egress hook: a warning, and a problem with a virtual MAC address', () => {
    const weak = { ...good, fence: { level: 'no_egress' } } as const;
    expect(told(judgeKernel(weak, config))[0]).toMatch(/^warning fence: the kernel has no egress hook/);
    const macs = configOf(edit(PAIR, 'virtual_router_id = 33', 'virtual_router_id = 33\nvirtual_mac = true'));
    expect(told(judgeKernel(weak, macs))[0]).toMatch(/^problem fence/);
  });

  it('with a tick that is too coarse', () => {
    expect(judgeKernel({ ...good, tickMs: 20 }, config)).toEqual([
      {
        level: 'problem',
        topic: 'kernel tick',
        found: 'a tick of 20 ms is too coarse for the interval of 250 ms of group edge',
        remedy: 'set advertisement_interval to 280 ms or more on every node',
      },
    ]);
  });
});

describe('privilege', () => {
  const facts = { ofAgent: false, missing: [], missingAsOthers: ['CAP_SETUID'], checksAsOthers: [] } as const;

  it('counts what checks with user need only where there are some', () => {
    expect(told(judgePrivilege(facts))).toEqual(['ok privilege: this user has what the agent needs']);
    expect(told(judgePrivilege({ ...facts, ofAgent: true, checksAsOthers: ['db'] }))).toEqual([
      'problem privilege: the agent lacks CAP_SETUID; check db runs as another user',
    ]);
  });

  it('is missing', () => {
    expect(told(judgePrivilege({ ...facts, missing: ['CAP_NET_RAW'] }))).toEqual([
      'problem privilege: this user lacks CAP_NET_RAW',
    ]);
  });
});

describe('settings of the kernel', () => {
  const plain: InterfaceSettings = { name: 'eth0', rpFilter: 0, arpIgnore: 0, arpAnnounce: 0, forwarding: false };
  const judge = (changes: Partial<InterfaceSettings>, defaultRoutes = ['eth0'], of = config, agent = ABSENT) =>
    told(judgeNetworkSettings({ defaultRoutes, interfaces: [{ ...plain, ...changes }] }, of, agent));

  it('strict reverse path filter matters where the default route leads elsewhere', () => {
    expect(judge({ rpFilter: 1 })[0]).toMatch(/^ok /);
    expect(judge({ rpFilter: 1 }, [])[0]).toMatch(/^ok /);
    expect(judge({ rpFilter: 2 }, ['eth1'])[0]).toMatch(/^ok /);
    expect(judge({ rpFilter: 1 }, ['eth1'])[0]).toMatch(/^warning eth0: rp_filter is strict, .* over eth1: /);
  });

  it('arp_ignore that keeps the owner from answering', () => {
    const alone = configOf(edit(PAIR, '192.0.2.100/24', '192.0.2.100/32'));
    expect(judge({ arpIgnore: 8 })[0]).toMatch(/^problem eth0: arp_ignore is 8/);
    expect(judge({ arpIgnore: 2 })[0]).toMatch(/^ok /);
    expect(judge({ arpIgnore: 2 }, ['eth0'], alone)[0]).toMatch(/^problem eth0: arp_ignore is 2/);
  });

  it('a virtual MAC address whose settings were reset', () => {
    const macs = configOf(edit(PAIR, 'virtual_router_id = 33', 'virtual_router_id = 33\nvirtual_mac = true'));
    expect(judge({}, ['eth0'], macs)[0]).toMatch(/^ok /);
    expect(judge({}, ['eth0'], macs, running())[0]).toMatch(/^problem eth0: arp_ignore is 0 and arp_announce 0/);
    expect(judge({ arpIgnore: 1, arpAnnounce: 2 }, ['eth0'], macs, running())[0]).toMatch(/^ok /);
  });

  it('a gateway that does not forward', () => {
    const gateway = configOf(edit(PAIR, 'name = "edge"', 'name = "edge"\ngateway = true'));
    expect(judge({}, ['eth0'], gateway)[0]).toMatch(/^problem eth0: .* this host does not forward$/);
    expect(judge({ forwarding: true }, ['eth0'], gateway)[0]).toMatch(/^ok /);
  });

  it('reads the default routes', () => {
    const text = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth1\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`;
    expect(defaultRoutesIn(text)).toEqual(['eth1']);
  });
});

describe('multicast', () => {
  const igmp =
    'Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n2\teth0      :     2      V3\n\t\t\t\t120000E0     1 0:00000000\t\t0\n\t\t\t\t010000E0     1 0:00000000\t\t0\n';

  it('reads who has joined', () => {
    expect(membersIn(igmp)).toEqual(new Set(['eth0']));
    expect(members6In('2    eth0            ff020000000000000000000000000012     1 00000004 0\n')).toEqual(
      new Set(['eth0']),
    );
  });

  it('must be joined by a running agent', () => {
    const nobody = { ipv4: new Set<string>(), ipv6: new Set<string>() };
    expect(judgeMemberships(nobody, config, ABSENT)).toEqual([]);
    expect(told(judgeMemberships(nobody, config, running()))).toEqual([
      'problem eth0: has not joined the multicast group 224.0.0.18, so VRRP is not heard',
    ]);
    expect(told(judgeMemberships({ ...nobody, ipv4: membersIn(igmp) }, config, running()))).toEqual([
      'ok multicast: the group of VRRP is joined',
    ]);
  });
});

it('programs that see packets before the fence are told of, on our interfaces only', () => {
  const judge = (interfaceIndex: number) =>
    told(
      judgePacketPrograms(
        config,
        [ETH0],
        [
          { interfaceIndex, kind: 'xdp' },
          { interfaceIndex, kind: 'clsact' },
        ],
      ),
    );
  expect(judge(7)).toEqual(['ok packet programs: none sees packets before the fence does']);
  expect(judge(2)[0]).toMatch(
    /^warning packet programs: eth0 has an XDP program and a traffic control hook \(clsact\)/,
  );
});

it('a clock that nothing synchronises is a warning', () => {
  expect(told(judgeClockDiscipline({ synchronised: true, maxErrorUs: 12_300 }))).toEqual([
    'ok clock: is synchronised, to 13 ms or better',
  ]);
  expect(told(judgeClockDiscipline({ synchronised: false, maxErrorUs: 16_000_000 }))[0]).toMatch(/^warning clock/);
});

it('reads the neighbours that are resolved', () => {
  const text = `IP address       HW type     Flags       HW address            Mask     Device
192.0.2.2        0x1         0x2         02:00:00:00:00:0b     *        eth0
192.0.2.3        0x1         0x0         00:00:00:00:00:00     *        eth0
`;
  expect(neighboursIn(text)).toEqual([{ interface: 'eth0', address: '192.0.2.2', mac: '02:00:00:00:00:0b' }]);
});
