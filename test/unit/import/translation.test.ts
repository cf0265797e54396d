import { describe, expect, it } from 'vitest';
import { type Config, loadConfig } from '../../../agent/config/index.ts';
import { type Files, instance, said, translated } from './keepalived.ts';

/** The configuration that comes of it, which has neither problems nor warnings. */
function load(toml: string | undefined): Config {
  const loaded = loadConfig(toml ?? '', 'result.toml');
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('\n'));
  expect(loaded.warnings).toEqual([]);
  return loaded.config;
}

/** What is made of a text that nothing is to be said of. */
function config(text: string, configId?: string, files?: Files): Config {
  const { toml, findings } = translated(text, configId, files);
  expect(findings.map(said)).toEqual([]);
  return load(toml);
}

function onlyRouter(text: string) {
  const router = config(text).groups[0]?.virtualRouters[0];
  if (router === undefined) throw new Error('there is no virtual router');
  return router;
}

describe('a vrrp_instance', () => {
  it('is a group of one virtual router, with the defaults of keepalived written out', () => {
    const { node, groups } = config(
      'vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress { 192.0.2.1 }\n}',
    );
    expect(node).toBe('a');
    expect(groups).toMatchObject([
      {
        name: 'vi_1',
        mode: 'vrrp',
        preempt: true,
        virtualRouters: [
          {
            interface: 'eth0',
            virtualRouterId: 51,
            version: 2,
            priority: 100,
            advertisementIntervalUs: 1_000_000,
            addresses: [{ address: '192.0.2.1', prefixLength: 32, advertised: true }],
            unicast: null,
            virtualMac: false,
          },
        ],
      },
    ]);
  });

  it('says of every line where it comes from', () => {
    const { toml } = translated(instance('priority 7'));
    for (const line of [
      '[[group]]  # main.conf:1',
      'interface = "eth0"  # main.conf:2',
      'virtual_router_id = 51  # main.conf:3',
      'advertisement_interval = "2s"  # main.conf:4',
      '  "192.0.2.100/24",  # main.conf:5',
      'priority = 7  # main.conf:6',
      "version = 2  # keepalived's default",
    ]) {
      expect(toml).toContain(`\n${line}\n`);
    }
  });

  it.each([
    ['version 3', { version: 3 }],
    ['priority 255', { priority: 255 }],
    ['use_vmac', { virtualMac: true }],
    ['mcast_src_ip 192.0.2.7', { sourceAddress: '192.0.2.7' }],
    ['unicast_src_ip 192.0.2.7', { sourceAddress: '192.0.2.7' }],
    ['unicast_peer {\n192.0.2.2\n192.0.2.3\n}', { unicast: ['192.0.2.2', '192.0.2.3'] }],
    ['state BACKUP', {}],
    ['accept', {}],
    ['strict_mode off', {}],
    ['unicast_ttl 255', {}],
    ['down_timer_adverts 3', {}],
  ])('with %s', (line, expected) => {
    expect(onlyRouter(instance(line))).toMatchObject(expected);
  });

  it('takes fractions of a second in version 3', () => {
    const text = instance('version 3').replace('advert_int 2', 'advert_int 0.25');
    expect(onlyRouter(text).advertisementIntervalUs).toBe(250_000);
  });

  it.each([
    ['2', '1.4', '1s'],
    ['2', '1.5', '2s'],
    ['2', '0.3', '1s'],
    ['3', '0.256', '0.26s'],
  ])('rounds the interval as keepalived does: version %s, %s', (version, given, rounded) => {
    const { toml, findings } = translated(
      instance(`version ${version}`).replace('advert_int 2', `advert_int ${given}`),
    );
    expect(toml).toContain(`\nadvertisement_interval = "${rounded}"  # main.conf:4\n`);
    expect(findings.map(said)).toEqual([
      `main.conf:4: left_out: 'advert_int ${given}': in version ${version} keepalived rounds it to ${rounded}`,
    ]);
  });

  it('has the link-local address first, wherever keepalived has it', () => {
    const text = instance('virtual_ipaddress_excluded {\nfe80::9/64\n}').replace(
      '{ 192.0.2.100/24 }',
      '{\n2001:db8::1/64\nfe80::1/64\n}',
    );
    expect(onlyRouter(text).addresses.map(({ address }) => address)).toEqual(['fe80::1', '2001:db8::1', 'fe80::9']);
  });

  it.each([
    ['unicast_peer { 2001:db8::2 }', 64],
    ['unicast_ttl 255\nunicast_peer { 2001:db8::2 }', 255],
    ['unicast_peer {\n2001:db8::2 min_ttl 251\n2001:db8::3 min_ttl 250 max_ttl 255\n}', 250],
  ])('takes over how far unicast may come: %s', (text, minTtl) => {
    expect(onlyRouter(instance(text).replace('192.0.2.100/24', 'fe80::100/64'))).toMatchObject({ minTtl });
    const over4 = minTtl === 64 ? 255 : minTtl;
    expect(onlyRouter(instance(text.replaceAll('2001:db8::', '192.0.2.')))).toMatchObject({ minTtl: over4 });
  });

  it('is version 3 with IPv6', () => {
    const text = instance().replace('192.0.2.100/24', 'fe80::100/64');
    expect(onlyRouter(text)).toMatchObject({ version: 3, family: 'ipv6' });
  });

  it('takes the interface and label of an address, and those that are not advertised', () => {
    const more = 'virtual_ipaddress_excluded {\n192.0.2.102\n192.0.2.103/24 dev eth2 label eth2:vip scope link\n}';
    expect(onlyRouter(instance(more)).addresses).toMatchObject([
      { address: '192.0.2.100', prefixLength: 24, interface: 'eth0', advertised: true },
      { address: '192.0.2.102', prefixLength: 32, interface: 'eth0', advertised: false },
      {
        address: '192.0.2.103',
        prefixLength: 24,
        interface: 'eth2',
        label: 'eth2:vip',
        scope: 'link',
        advertised: false,
      },
    ]);
  });

  it.each([
    ['preempt', { preempt: true, preemptDelayUs: 0 }],
    ['nopreempt', { preempt: false, preemptDelayUs: 0 }],
    ['preempt_delay 4.5', { preempt: true, preemptDelayUs: 4_500_000 }],
  ])('preempts by default: %s', (line, expected) => {
    expect(config(instance(line)).groups).toMatchObject([expected]);
  });

  it('takes what global_defs say for all', () => {
    const text = instance().replace('interface eth0', '');
    const all = `global_defs {\nvrrp_version 3\ndefault_interface eth5\nvrrp_startup_delay 7.5\n}\n${text}`;
    const { groups, startDelayUs } = config(all);
    expect(startDelayUs).toBe(7_500_000);
    expect(groups[0]?.virtualRouters).toMatchObject([{ version: 3, interface: 'eth5' }]);
  });

  it('is another one on another host', () => {
    const text = instance('@high priority 200', '@low priority 50');
    expect(config(text, 'low').groups[0]?.virtualRouters[0]?.priority).toBe(50);
  });
});

describe('a vrrp_sync_group', () => {
  const second = instance().replaceAll('VI_1', 'VI_2').replaceAll('51', '52').replaceAll('.100', '.200');
  const third = instance().replaceAll('VI_1', 'VI_3').replaceAll('51', '53').replaceAll('.100', '.150');
  const text = `vrrp_sync_group G {\ngroup { VI_1\nVI_2 }\n}\n${instance()}\n${second}\n${third}`;

  it('is a group of several virtual routers', () => {
    const { toml, findings } = translated(text);
    expect(findings.map(said)).toEqual([]);
    const groups = load(toml).groups.map(({ name, virtualRouters }) => [
      name,
      virtualRouters.map((each) => each.virtualRouterId),
    ]);
    expect(groups).toEqual([
      ['g', [51, 52]],
      ['vi_3', [53]],
    ]);
  });

  it.each([
    ['a member that is none', text.replace('VI_2 }', 'VI_9 }'), 'there is no vrrp_instance VI_9; correct the name'],
    ['a member twice', text.replace('VI_2 }', 'VI_1 }'), 'VI_1 is in a sync group already; take it out of one'],
    [
      'members that preempt differently',
      text.replace('.200/24 }', '.200/24 }\nnopreempt'),
      'vrrp_instance VI_2 preempts otherwise than the first one of its group; set nopreempt and preempt_delay alike in all of them',
    ],
    [
      'the old form without group',
      text.replace('group { VI_1\nVI_2 }', 'VI_1'),
      "'VI_1' is not a keyword that is known here; take it out, or correct it",
    ],
  ])('refuses %s', (_what, changed, expected) => {
    const { toml, findings } = translated(changed);
    load(toml);
    expect(findings.map(said).join('\n')).toContain(`refused: ${expected}`);
  });
});

it('names become valid, and stay apart', () => {
  const other = instance().replaceAll('VI_1', '"vi_1"').replaceAll('51', '52').replaceAll('.100', '.200');
  const odd = instance().replaceAll('VI_1', '"Ä b!"').replaceAll('51', '53').replaceAll('.100', '.150');
  expect(config(`${instance()}\n${other}\n${odd}`).groups.map(({ name }) => name)).toEqual(['vi_1', 'vi_1-2', 'b']);
});

it('text of the file cannot leave its comment or string', () => {
  const { toml } = translated(
    instance(String.raw`notify_stop "/bin/x \'a\nnode = \"x\"\x7f\'"`).replace('VI_1', '"a\u007fb"'),
  );
  const config = load(toml);
  expect(config.node).toBe('a');
  expect(config.groups[0]?.notify).toMatchObject([{ program: '/bin/x', arguments: ['a\nnode = "x"\u007f'] }]);
});
