import { nearest } from '../config/index.ts';
import { type ImportFinding, leftOut, refused } from './finding.ts';
import { isOn, type Shape } from './settings.ts';
import type { Statement } from './tree.ts';

type Verdict = {
  readonly kind: 'refused' | 'left_out';
  readonly why: string;
  readonly instead?: string;
  /** The statement asks for what happens anyway. */
  readonly unless?: (statement: Statement) => boolean;
};
type Verdicts = ReadonlyMap<string, Verdict>;

function all(keywords: string, verdict: Verdict): [string, Verdict][] {
  return keywords.split(' ').map((keyword) => [keyword, verdict]);
}

const off = (statement: Statement): boolean => !isOn(statement);
const LATER = 'this version cannot do it';
const NOTIFY_OTHERWISE: Verdict = {
  kind: 'refused',
  why: 'nothing is written to a FIFO',
  instead: 'a [[group.notify]] is told of every change, in order: docs/migrate-from-keepalived.md',
};
const SERVICE: Verdict = {
  kind: 'refused',
  why: 'the agent runs no program when it starts or ends',
  instead: 'put it into the unit: ExecStartPre=, ExecStopPost=',
};
const TRACK_FILE: Verdict = {
  kind: 'refused',
  why: 'a number in a file changes no priority',
  instead: 'write a [[group.check]] with file = "/path", which passes while it exists, or with push = true',
};
const BFD: Verdict = {
  kind: 'refused',
  why: 'BFD is not spoken here',
  instead: 'mode "lease" hears the other node by itself; write a [[group.check]] for what else must be reached',
};
const LOWER_PRIORITY: Verdict = {
  kind: 'refused',
  why: 'nobody is told that a lower priority was heard',
  instead: 'a cloud address is looked after by [[group.floating_ip]]',
};
const STRICT: Verdict = {
  kind: 'refused',
  why: 'it changes what else is allowed, and whether packets to the addresses are accepted',
  instead: 'take it out of the configuration of every node first',
  unless: off,
};
const ARP: Verdict = {
  kind: 'left_out',
  why: 'every interface with an address is announced on, when its addresses are',
};
const MAIL: Verdict = {
  kind: 'left_out',
  why: 'no mail is sent',
  instead: 'a webhook of the witness tells of changes: docs/webhooks.md',
};
const PROCESS: Verdict = { kind: 'left_out', why: "it is about keepalived's own process" };
const LOAD_BALANCER: Verdict = {
  kind: 'refused',
  why: 'load balancing is not part of this program',
  instead: 'keep keepalived for it, with its VRRP off: keepalived --check',
};
const HOST_NETWORK: Verdict = {
  kind: 'refused',
  why: 'the host would no longer have it',
  instead: "put it into the host's network configuration",
};
const OTHER_WIRE: Verdict = {
  kind: 'refused',
  why: 'advertisements would no longer fit those of the other routers',
  instead: 'take it out of the configuration of every node first',
};
const UNUSED: Verdict = { kind: 'left_out', why: 'it only describes what other statements use' };
const RFC: Verdict = { kind: 'left_out', why: 'advertisements are answered as RFC 9568 says' };
const OWN_WAY: Verdict = { kind: 'refused', why: LATER, instead: 'take it out of the configuration first' };

export const AT_TOP: Verdicts = new Map([
  ...all('virtual_server virtual_server_group SSL', LOAD_BALANCER),
  ...all('static_ipaddress static_routes static_rules', HOST_NETWORK),
  ...all('vrrp_track_file track_file bfd_instance', UNUSED),
  ...all('track_group interface_up_down_delays', OWN_WAY),
  ...all('linkbeat_interfaces linkbeat_use_polling', {
    kind: 'left_out',
    why: 'the kernel reports the state of links',
  }),
  ...all('instance use_pid_dir include_check config_save_dir', PROCESS),
  ...all('net_namespace', {
    kind: 'refused',
    why: 'the program works in the network namespace that it is started in',
    instead: 'start it there: ip netns exec NAME tiebreak run',
  }),
  ...all('net_namespace_ipvs', LOAD_BALANCER),
]);

export const IN_GLOBAL_DEFS: Verdicts = new Map([
  ...all('notification_email notification_email_from smtp_server smtp_helo_name smtp_connect_timeout', MAIL),
  ...all('smtp_alert smtp_alert_vrrp smtp_alert_checker no_email_faults', MAIL),
  ...all('router_id', { kind: 'left_out', why: 'the node has its name from the key node' }),
  ...all('enable_script_security', {
    kind: 'left_out',
    why: 'programs that others than root could change are always refused',
    unless: () => true,
  }),
  ...all('vrrp_garp_extra_if', ARP),
  ...all('vrrp_strict', STRICT),
  ...all('vrrp_mcast_group4 vrrp_mcast_group6', OTHER_WIRE),
  ...all('vrrp_skip_check_adv_addr vrrp_lower_prio_no_advert vrrp_higher_prio_send_advert', RFC),
  ...all('vrrp_check_unicast_src vrrp_owner_ignore_adverts v3_checksum_as_v2', OWN_WAY),
  ...all('vrrp_delay_after_boot down_timer_adverts', OWN_WAY),
  ...all('notify_fifo vrrp_notify_fifo notify_fifo_script vrrp_notify_fifo_script', NOTIFY_OTHERWISE),
  ...all('startup_script shutdown_script', SERVICE),
  ...all(
    'lvs_notify_fifo lvs_notify_fifo_script lvs_sync_daemon lvs_flush lvs_flush_on_stop lvs_timeouts',
    LOAD_BALANCER,
  ),
  ...all('vrrp_priority vrrp_rt_priority vrrp_rlimit_rttime vrrp_cpu_affinity vrrp_no_swap max_auto_priority', PROCESS),
  ...all('min_auto_priority_delay process_names process_name vrrp_process_name use_pid_dir json_version', PROCESS),
  ...all('checker_priority checker_rt_priority checker_rlimit_rttime checker_no_swap bfd_no_swap', PROCESS),
  ...all('enable_snmp_vrrp enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3 enable_traps enable_dbus', PROCESS),
  ...all('snmp_socket dbus_service_name log_unknown_vrids reload_check_config reload_time_file', PROCESS),
  ...all('vrrp_netlink_cmd_rcv_bufs vrrp_netlink_monitor_rcv_bufs vrrp_rx_bufs_policy dynamic_interfaces', PROCESS),
  ...all('vrrp_iptables vrrp_ipsets nftables nftables_priority nftables_counters nftables_ifindex', PROCESS),
]);

/** Beside what is taken over of both. */
const IN_BOTH: Verdicts = new Map([
  ...all('track_file', TRACK_FILE),
  ...all('track_bfd', BFD),
  ...all('notify_master_rx_lower_pri', LOWER_PRIORITY),
  ...all('notify_deleted', {
    kind: 'left_out',
    why: 'a virtual router goes when the agent is stopped, which notify is told',
  }),
  ...all('notify_priority_changes', {
    kind: 'left_out',
    why: 'priorities are in the status and the metrics',
    unless: off,
  }),
  ...all('smtp_alert', { ...MAIL, unless: off }),
]);

export const IN_SYNC_GROUP: Verdicts = new Map([
  ...IN_BOTH,
  ...all('global_tracking sync_group_tracking_weight', {
    kind: 'refused',
    why: 'the weights of its members would make their priorities part',
    instead: 'let the sync group track what its members track',
  }),
]);

export const IN_INSTANCE: Verdicts = new Map([
  ...IN_BOTH,
  ...all('auth_hmac', {
    kind: 'refused',
    why: 'its keys belong into a file of their own here',
    instead: 'write auth_hmac = { key_file = … } into the result: docs/operations.md',
  }),
  ...all('virtual_rules', {
    kind: 'refused',
    why: 'rules do not move with the group',
    instead: "put them into the host's network configuration, or take them out",
  }),
  ...all('strict_mode', STRICT),
  ...all('preempt', { kind: 'left_out', why: 'it is the default', unless: () => true }),
  ...all('use_ipvlan', { kind: 'refused', why: 'there is no ipvlan here', instead: 'use_vmac has an equivalent' }),
  ...all('use_vmac_addr', { kind: 'refused', why: 'the virtual MAC is for addresses on the own interface only' }),
  ...all('vmac_xmit_base', { kind: 'left_out', why: 'the interface to send from is chosen by itself' }),
  ...all('mcast_dst_ip', OTHER_WIRE),
  ...all('old_unicast_checksum v3_checksum_as_v2', OTHER_WIRE),
  ...all('unicast_ttl', { ...OTHER_WIRE, why: 'the TTL is always 255', unless: ({ words }) => words[1] === '255' }),
  ...all('down_timer_adverts', {
    kind: 'refused',
    why: 'a router counts as lost after three intervals, as RFC 9568 says',
    instead: 'take it out of the configuration of every node first',
    unless: ({ words }) => words[1] === '3',
  }),
  ...all('vrf dont_track_primary track_src_ip check_unicast_src unicast_fault_no_peer owner_ignore_adverts', OWN_WAY),
  ...all('lvs_sync_daemon_interface', LOAD_BALANCER),
  ...all('garp_extra_if vmac_garp_intvl', ARP),
  ...all('lower_prio_no_advert higher_prio_send_advert skip_check_adv_addr', RFC),
  ...all('promote_secondaries no_virtual_ipaddress', { kind: 'left_out', why: 'it is seen to by itself' }),
  ...all('native_ipv6', { kind: 'left_out', why: 'the addresses tell the family' }),
  ...all('debug kernel_rx_buf_size linkbeat_use_polling timer_expired_backup thread_timer_expired', PROCESS),
]);

/** What is to be said of every statement of a block that is not translated, unknown ones included. */
export function untranslated(
  statements: readonly Statement[],
  translated: ReadonlyMap<string, Shape>,
  verdicts: Verdicts,
): ImportFinding[] {
  return statements.flatMap((statement) => {
    const keyword = statement.words[0] ?? '';
    if (translated.has(keyword)) return [];
    const verdict = verdicts.get(keyword);
    if (verdict === undefined) {
      const near = nearest(keyword, [...translated.keys(), ...verdicts.keys()]);
      const instead = near === undefined ? 'take it out, or correct it' : `did you mean '${near}'?`;
      return [refused(statement, `'${keyword}' is not a keyword that is known here`, instead)];
    }
    if (verdict.unless?.(statement) === true) return [];
    const say = verdict.kind === 'refused' ? refused : leftOut;
    return [
      say(statement, `'${keyword}': ${verdict.why}`, ...(verdict.instead === undefined ? [] : [verdict.instead])),
    ];
  });
}
