import { describe, expect, it } from 'vitest';
import { configOf, edit, PAIR, PLAIN, problemsOf, warningsOf } from './example.ts';

/** The whole contract in one file: every key of DESIGN section 7. */
const EVERY_KEY = `node = "a"
state_dir = "/var/lib/tiebreak"         # (d) survives reboots
run_dir = "/run/tiebreak"               # (d) does not

[api]                                   # status, metrics, health webhook
listen = "127.0.0.1:9112"               # (d) reads only
token_file = "/etc/tiebreak/api.token"  # writes over TCP need it; run_dir/api.sock (0660) needs none

[witness]                               # leave out for three or five agents alone
url = "https://witness.example.com"     # http:// is accepted with a warning (tests, own network)
cluster = "branch-7"
token_file = "/etc/tiebreak/witness.token"

[[group]]
name = "edge"
mode = "lease"                          # (d) lease | vrrp
policy = "bias"                         # (d with two agents and a witness; else safe) safe | bias | available
bias_promise = "60s"                    # (d)
key_file = "/etc/tiebreak/edge.key"     # lines of 'ID HEX' (32 bytes); the first signs, all verify: rotation; the same on every node
preempt = false                         # (d)
preempt_delay = "0s"                    # (d)
gateway = false                         # (d)
peers = [{ node = "b", addresses = ["192.0.2.2", "198.51.100.2"] }]   # sideband; several paths are used at once
sideband_port = 3112                    # (d)

[[group.virtual_router]]
interface = "eth0"
virtual_router_id = 33
version = 3                             # (d)
priority = 200                          # (d) 100
advertisement_interval = "100ms"        # (d) 250ms
addresses = ["192.0.2.100/24", { address = "198.51.100.7/32", interface = "eth1", label = "eth1:vip", advertised = false }]
routes = [{ to = "203.0.113.0/24", via = "192.0.2.254" }]             # present while owner
source_address = "192.0.2.1"            # (d) the interface's first
unicast = ["192.0.2.2"]                 # leave out for multicast
virtual_mac = false                     # (d) macvlan with 00:00:5e:00:01:VRID (02 for IPv6)
accept = true                           # (d)
checksum = "pseudo-header"              # (d) pseudo-header | message; both are accepted

[[group.check]]                         # exactly one of command, http, tcp, process, file, interface, arp, push
name = "nginx"
http = "http://127.0.0.1/healthz"
interval = "1s"                         # (d)
timeout = "1s"                          # (d) the interval
rise = 1                                # (d)
fall = 1                                # (d)
weight = 0                              # (d) 0: failing gives the group up

[[group.notify]]                        # ordered, one at a time, never lost
command = ["/etc/tiebreak/notify"]
webhook = "https://hooks.example.com/ha"
secret_file = "/etc/tiebreak/hook.secret"

[[group.floating_ip]]
provider = "digitalocean"
address = "203.0.113.10"
token_file = "/etc/tiebreak/do.token"
`;

describe('the contract', () => {
  it('is there with every key', () => expect(problemsOf(EVERY_KEY)).toEqual([]));

  it('the same link-local address on two links in two lease groups; in one group it is there', () => {
    const router = (device: string) =>
      `[[group.virtual_router]]\ninterface = "${device}"\nvirtual_router_id = 33\naddresses = ["fe80::1/64"]\n`;
    const first = PAIR.slice(0, PAIR.indexOf('[[group.virtual_router]]'));
    const second = first.slice(first.indexOf('[[group]]')).replace('"edge"', '"core"');
    expect(problemsOf(`${first}${router('eth0')}${router('eth1')}`)).toEqual([]);
    expect(problemsOf(`${first}${router('eth0')}${second}${router('eth1')}`)).toEqual([
      'edge.toml:25:14  group[1].virtual_router[0].addresses[0]: fe80::1 in two groups (line 16) is not supported yet; give each group a link-local address of its own',
    ]);
  });

  it('gateway = true is there in both modes', () => {
    expect(problemsOf(edit(PLAIN, 'mode = "vrrp"', 'mode = "vrrp"\ngateway = true'))).toEqual([]);
    expect(problemsOf(edit(PAIR, 'name = "edge"', 'name = "edge"\ngateway = true'))).toEqual([]);
  });

  it('checks are there, each with a name of its own', () => {
    const push = '\n[[group.check]]\nname = "nginx"\npush = true\n';
    expect(problemsOf(`${PAIR}${push}`)).toEqual([]);
    expect(problemsOf(`${PLAIN}${push}`)).toEqual([]);
    expect(problemsOf(`${PAIR}${push}${push}`)).toEqual([expect.stringContaining('two checks have the same name')]);
  });

  it('preemption in mode "vrrp" is there', () => {
    const text = edit(PLAIN, 'mode = "vrrp"', 'mode = "vrrp"\npreempt = true\npreempt_delay = "30s"');
    expect(problemsOf(text)).toEqual([]);
  });
});

describe('announce', () => {
  const announcing = (table: string): string => edit(PAIR, 'interface = "eth0"', `interface = "eth0"\n${table}`);
  const of = (table: string) => configOf(announcing(table)).groups[0]?.virtualRouters[0]?.announce;

  it('is there with every key', () => {
    const table =
      'announce = { repeat_after = ["1s", "10s"], copies = 5, refresh = "60s", refresh_copies = 2, spacing = "1ms" }';
    expect(of(table)).toEqual({
      repeatAfterUs: [1_000_000, 10_000_000],
      copies: 5,
      refreshUs: 60_000_000,
      refreshCopies: 2,
      spacingUs: 1_000,
    });
    expect(warningsOf(announcing(table)).map(({ path }) => path)).toEqual([]);
  });

  it('takes each key alone, also with a dot', () => {
    expect(of('announce.repeat_after = []')).toMatchObject({ repeatAfterUs: [], copies: 1 });
    expect(of('announce.refresh = "60s"')).toMatchObject({
      repeatAfterUs: [100_000, 500_000, 1_000_000, 5_000_000],
      refreshUs: 60_000_000,
    });
  });

  it.each([
    ['repeat_after = ["0s"]', 'repeat_after[0]: must be 1ms to 10m'],
    ['repeat_after = ["11m"]', 'repeat_after[0]: must be 1ms to 10m'],
    ['repeat_after = ["5s", "1s"]', 'repeat_after: must be in ascending order'],
    ['copies = 0', 'copies: must be a whole number from 1 to 20'],
    ['copies = 21', 'copies: must be a whole number from 1 to 20'],
    ['refresh = "500ms"', 'refresh: must be 0s (never), or at least 1s'],
    ['refresh_copies = 21', 'refresh_copies: must be a whole number from 1 to 20'],
    ['spacing = "2s"', 'spacing: must be at most 1s'],
    ['spaceing = "1s"', "spaceing: unknown key; did you mean 'spacing'?"],
  ])('has limits: %s', (key, problem) => {
    expect(problemsOf(announcing(`announce.${key}`))).toEqual([
      expect.stringMatching(/^edge\.toml:15:\d+ {2}group\[0\]\.virtual_router\[0\]\.announce\./),
    ]);
    expect(problemsOf(announcing(`announce.${key}`))[0]).toContain(problem);
  });

  it('warns of what does nothing, and of what takes too long', () => {
    expect(warningsOf(announcing('announce.refresh_copies = 2')).map(({ message }) => message)).toEqual([
      'has no effect without refresh',
    ]);
    expect(warningsOf(announcing('announce = { copies = 20, spacing = "1s" }')).map(({ message }) => message)).toEqual([
      'one announcement of 1 address(es) takes 20s: clients learn of the last one so much later',
    ]);
  });
});

describe('a virtual router without addresses', () => {
  const none = edit(
    PLAIN,
    'addresses = ["192.0.2.100/24"]',
    'version = 2\nadvertisement_interval = "1s"\naddresses = []',
  );

  it('is there in version 2, where something else than an address moves', () => {
    expect(problemsOf(none)).toEqual([]);
    expect(configOf(none).groups[0]?.virtualRouters[0]).toMatchObject({ family: 'ipv4', addresses: [] });
  });

  it('has no virtual MAC', () => {
    expect(problemsOf(edit(none, 'version = 2', 'version = 2\nvirtual_mac = true'))).toEqual([
      'edge.toml:11:1  group[0].virtual_router[0].virtual_mac: without an address nothing has the virtual MAC; leave virtual_mac out',
    ]);
  });
});
