import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../agent/config/index.ts';
import { instance, said, translated } from './keepalived.ts';

/** What is said of a text of which everything else can be taken over, and loads. */
function findings(text: string): readonly string[] {
  const { toml, findings: found } = translated(text);
  expect(loadConfig(toml ?? '', 'result.toml')).toMatchObject({ ok: true, warnings: [] });
  return found.map(said);
}

describe('in an instance, what would change its behaviour is refused', () => {
  it.each([
    ['auth_hmac { key 1 hex:00 }', 'its keys belong into a file of their own here'],
    ['track_file { f }', 'a number in a file changes no priority'],
    ['track_bfd { b }', 'BFD is not spoken here'],
    ['track_script { chk }', "'chk': there is no vrrp_script chk"],
    ['notify_master_rx_lower_pri /bin/x', 'nobody is told that a lower priority was heard'],
    ['virtual_routes { 192.0.2.0/24 via 192.0.2.1 scope link }', "'scope' has no equivalent"],
    ['virtual_routes { blackhole 192.0.2.0/24 }', "'blackhole' has no equivalent"],
    ['virtual_routes { 192.0.2.0/24 via 192.0.2.1 table main }', "'table main' is no number"],
    ['virtual_routes { via 192.0.2.1 }', 'says not where it leads'],
    ['virtual_routes { 192.0.2.0/24 via here }', 'must be an IPv4 or IPv6 address'],
    ['virtual_rules { from 192.0.2.0/24 table 1 }', 'rules do not move with the group'],
    ['strict_mode', 'changes what else is allowed, and whether packets to the addresses are accepted'],
    ['use_ipvlan', 'there is no ipvlan here'],
    [
      'use_vmac vrrp.51 00:00:5e:00:01:01',
      "'use_vmac vrrp.51 00:00:5e:00:01:01': the virtual MAC is the one of RFC 9568",
    ],
    ['mcast_dst_ip 224.0.0.99', 'would no longer fit those of the other routers'],
    ['unicast_ttl 64', 'the TTL is always 255'],
    ['down_timer_adverts 5', 'a router counts as lost after three intervals'],
    ['lvs_sync_daemon_interface eth1', 'load balancing is not part of this program'],
    ['vrf red', 'this version cannot do it'],
    ['priorty 5', "'priorty' is not a keyword that is known here; did you mean 'priority'?"],
    ['unicast_peer { 192.0.2.2 min_ttl 0 }', "'min_ttl 0'"],
    ['state FAULT', "'state FAULT': neither MASTER nor BACKUP"],
    ['nopreempt now', "'nopreempt now': 'now' has no equivalent"],
    ['nopreempt { x }', "'nopreempt' has no block"],
    ['virtual_ipaddress_excluded 192.0.2.7', "'virtual_ipaddress_excluded 192.0.2.7' needs a block: { }"],
    ['virtual_ipaddress_excluded { 192.0.2 }', "'192.0.2': not an address with a prefix length"],
    ['virtual_ipaddress_excluded { 192.0.2.7 peer 192.0.2.8 }', "'peer 192.0.2.8' of 192.0.2.7 has no equivalent"],
    ['virtual_ipaddress_excluded { 192.0.2.7 192.0.2.8 }', "'192.0.2.8' of 192.0.2.7 has no equivalent"],
    ['virtual_ipaddress_excluded { fe80::1/64 }', 'IPv4 and IPv6 need a virtual router each'],
  ])('%s', (line, expected) => {
    const found = findings(instance(line));
    expect(found.join('\n')).toContain(expected);
    expect(found.join('\n')).toMatch(/^main\.conf:[67]: refused: /);
  });
});

describe('IPv6 unicast', () => {
  const unicast = (...more: string[]): string =>
    instance('unicast_peer { 2001:db8::2 }', ...more).replace('192.0.2.100/24', 'fe80::100/64');

  it('is taken over with unicast_ttl 255', () => expect(findings(unicast('unicast_ttl 255'))).toEqual([]));

  it('is refused once, and not twice, with another one', () => {
    expect(findings(unicast('unicast_ttl 64'))).toEqual([expect.stringContaining('the TTL is always 255')]);
  });
});

describe('in an instance, what does no harm is left out', () => {
  it.each([
    ['state MASTER', "'state MASTER': a router starts as Backup; the priority decides"],
    ['notify_deleted', "'notify_deleted': a virtual router goes when the agent is stopped, which notify is told"],
    ['smtp_alert', "'smtp_alert': no mail is sent; a webhook of the witness tells of changes: docs/webhooks.md"],
    ['garp_extra_if 100', "'garp_extra_if': every interface with an address is announced on, when its addresses are"],
    [
      'garp_lower_prio_repeat 1',
      "'garp_lower_prio_repeat 1': who hears a lower priority announces as after a takeover, and at most five times in a row",
    ],
    ['garp_master_refresh_repeat 2', "'garp_master_refresh_repeat 2': has no effect without garp_master_refresh"],
    ['use_vmac vrrp.51', 'the interface name vrrp.51: the interface of the virtual MAC is named by itself'],
    [
      'virtual_ipaddress_excluded { 192.0.2.7 brd 192.0.2.255 }',
      "'brd 192.0.2.255' of 192.0.2.7: the kernel does without",
    ],
    [
      'virtual_ipaddress_excluded { 192.0.2.7 label eth9:x }',
      `'label eth9:x' of 192.0.2.7: a label is for IPv4, and starts with the interface, as in "eth0:vip"`,
    ],
    ['virtual_ipaddress_excluded { 192.0.2.100 }', "'192.0.2.100': the address stands in line 5 already"],
    ['priority 5\npriority 6', "'priority' stands again in line 7, which counts"],
  ])('%s', (line, expected) => {
    expect(findings(instance(line))).toEqual([`main.conf:6: left_out: ${expected}`]);
  });

  it('what keepalived ignores too', () => {
    expect(findings(instance('state MASTER', 'nopreempt')).at(-1)).toBe(
      "main.conf:7: left_out: 'nopreempt': keepalived ignores it with 'state MASTER'",
    );
    expect(findings(instance('state MASTER', 'state BACKUP')).at(-1)).toBe(
      "main.conf:7: left_out: 'state BACKUP': keepalived ignores it beside 'state MASTER'",
    );
    expect(findings(instance('nopreempt', 'priority 255'))).toEqual([
      "main.conf:6: left_out: 'nopreempt': keepalived ignores it with priority 255",
    ]);
    expect(findings(instance('nopreempt', 'preempt_delay 5'))).toEqual([
      "main.conf:7: left_out: 'preempt_delay 5': has no effect with nopreempt",
    ]);
  });
});

describe('beside the instances', () => {
  it.each([
    ['virtual_server 192.0.2.9 80 { }', 'refused', 'load balancing is not part of this program'],
    ['virtual_server_group g { }', 'refused', 'load balancing is not part of this program'],
    ['static_routes { 192.0.2.0/24 dev eth0 }', 'refused', 'the host would no longer have it'],
    ['static_ipaddress { 192.0.2.1 dev eth0 }', 'refused', 'the host would no longer have it'],
    ['net_namespace red', 'refused', 'works in the network namespace that it is started in'],
    [
      'vrrp_instanc VI_9 { }',
      'refused',
      "'vrrp_instanc' is not a keyword that is known here; did you mean 'vrrp_instance'?",
    ],
    ['global_defs { vrrp_strict }', 'refused', 'changes what else is allowed'],
    ['global_defs { vrrp_mcast_group4 224.0.0.99 }', 'refused', 'would no longer fit those of the other routers'],
    ['global_defs { vrrp_notify_fifo /run/x }', 'refused', 'nothing is written to a FIFO'],
    ['global_defs { wonder }', 'refused', "'wonder' is not a keyword that is known here"],
    ['vrrp_script chk { script /bin/true }', 'left_out', "'vrrp_script chk': nothing tracks it"],
    ['track_file f { file /x }', 'left_out', 'it only describes what other statements use'],
    ['global_defs { router_id R }', 'left_out', 'the node has its name from the key node'],
    ['use_pid_dir', 'left_out', "it is about keepalived's own process"],
  ])('%s', (line, kind, expected) => {
    const found = findings(`${line}\n${instance()}`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`main.conf:1: ${kind}: `);
    expect(found[0]).toContain(expected);
  });

  it('a switch that is off asks for nothing', () => {
    expect(findings(`global_defs { vrrp_strict off }\n${instance()}`)).toEqual([]);
  });
});

describe('an instance that cannot be taken over is refused as a whole', () => {
  const sound = instance().replaceAll('VI_1', 'VI_2').replaceAll('51', '52').replaceAll('.100', '.200');

  it.each([
    ['without interface', instance().replace('interface eth0', ''), "'vrrp_instance VI_1' has no interface"],
    [
      'without identifier',
      instance().replace('virtual_router_id 51', ''),
      "'vrrp_instance VI_1' has no virtual_router_id",
    ],
    [
      'without address',
      instance('version 3').replace('192.0.2.100/24', ''),
      "'vrrp_instance VI_1' has no virtual_ipaddress",
    ],
    ['priority', instance('priority 256'), "'priority 256': must be a whole number from 1 to 255"],
    ['version', instance('version 4'), "'version 4': must be a whole number from 2 to 3"],
    [
      'interval',
      instance().replace('advert_int 2', 'advert_int fast'),
      "'advert_int fast': must be a number of seconds",
    ],
    ['no interval', instance().replace('advert_int 2', 'advert_int 0'), "'advert_int 0': must be more than 0"],
    ['source', instance('unicast_src_ip here'), 'must be an IPv4 or IPv6 address'],
    [
      'virtual MAC of an address owner',
      instance('use_vmac', 'priority 255'),
      "are this host's own and keep its own MAC address",
    ],
    [
      'no link-local address',
      instance().replace('192.0.2.100/24', '2001:db8::1/64'),
      'the first IPv6 address must be link-local',
    ],
  ])('%s', (_what, text, expected) => {
    const found = findings(`${text}\n${sound}`).join('\n');
    expect(found).toContain(expected);
    expect(found).toMatch(/main\.conf:1: refused: .* cannot be taken over as it is$/m);
    expect(translated(`${text}\n${sound}`).toml).not.toContain('vrrp_instance VI_1');
  });

  it('the second one of the same address', () => {
    const found = findings(`${sound}\n${sound.replace('VI_2', 'VI_3').replace('52', '53')}`).join('\n');
    expect(found).toMatch(/main\.conf:11: refused: .* is already a virtual address/);
  });

  it('more groups than a node has', () => {
    const one = (number: number): string =>
      instance()
        .replace('VI_1', `V${number}`)
        .replace('eth0', `e${number}`)
        .replace('192.0.2.100', `10.${number >> 8}.${number & 255}.1`);
    const many = Array.from({ length: 514 }, (_, index) => one(index)).join('\n');
    expect(findings(many)).toEqual([
      'main.conf:3073: refused: the group v512 is one too many; a node has 512 at most',
      'main.conf:3079: refused: the group v513 is one too many; a node has 512 at most',
    ]);
  });

  it('none is left', () => {
    const { toml, findings: found } = translated('global_defs { }');
    expect(toml).toBeUndefined();
    expect(found.map(said)).toEqual(['main.conf:1: refused: there is no vrrp_instance that could be taken over']);
  });
});
