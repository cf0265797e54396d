import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../../agent/config/problem.ts';
import { configOf, edit, PAIR, PLAIN, problemsOf, warningsOf } from './example.ts';

/** By default: five times in the first 5 s. */
const ANNOUNCED = {
  repeatAfterUs: [100_000, 500_000, 1_000_000, 5_000_000],
  copies: 1,
  refreshUs: 0,
  refreshCopies: 1,
  spacingUs: 0,
};

describe('a sound configuration', () => {
  it('comes out with every default filled in', () => {
    expect(configOf(PAIR)).toEqual({
      node: 'a',
      stateDir: '/var/lib/tiebreak',
      startDelayUs: 0,
      runDir: '/run/tiebreak',
      api: { listen: { host: '127.0.0.1', port: 9112 }, tokenFile: null },
      witness: {
        url: 'https://witness.example.com',
        cluster: 'branch-7',
        tokenFile: '/etc/tiebreak/witness.token',
      },
      groups: [
        {
          id: 1,
          name: 'edge',
          gateway: false,
          mode: 'lease',
          policy: { name: 'bias', promiseMs: 60_000 },
          preempt: false,
          preemptDelayUs: 0,
          checks: [],
          notify: [],
          floatingIps: [],
          keyFile: '/etc/tiebreak/edge.key',
          peers: [{ node: 'b', addresses: ['192.0.2.2'] }],
          sidebandPort: 3112,
          intervalUs: 250_000,
          priority: 100,
          virtualRouters: [
            {
              interface: 'eth0',
              virtualRouterId: 33,
              version: 3,
              family: 'ipv4',
              priority: 100,
              advertisementIntervalUs: 250_000,
              addresses: [
                {
                  address: '192.0.2.100',
                  prefixLength: 24,
                  interface: 'eth0',
                  label: null,
                  scope: 'global',
                  advertised: true,
                },
              ],
              routes: [],
              sourceAddress: null,
              unicast: null,
              minTtl: 255,
              checksum: 'pseudo-header',
              accept: true,
              virtualMac: false,
              authPass: null,
              authHmac: null,
              announce: ANNOUNCED,
            },
          ],
        },
      ],
    });
  });

  it('carries every supported key of the contract', () => {
    const config = configOf(`
node = "a"
state_dir = "/srv/state"
run_dir = "/srv/run"
[api]
listen = "[2001:DB8:0::1]:80"
token_file = "/etc/tiebreak/api.token"
[witness]
url = "https://witness.example.com/base/"
cluster = "branch-7"
token_file = "/etc/tiebreak/witness.token"
[[group]]
name = "edge"
mode = "lease"
policy = "safe"
key_file = "/etc/tiebreak/edge.key"
preempt = false
preempt_delay = "0s"
gateway = true
peers = [{ node = "b", addresses = ["192.0.2.2", "198.51.100.2"] }]
sideband_port = 4000
[[group.virtual_router]]
interface = "eth0"
virtual_router_id = 255
version = 3
priority = 200
advertisement_interval = "100ms"
addresses = ["192.0.2.100/24", { address = "198.51.100.7/32", interface = "eth1", label = "eth1:vip", advertised = false }]
routes = []
source_address = "192.0.2.1"
unicast = ["192.0.2.2"]
virtual_mac = false
accept = true
checksum = "message"
[[group]]
name = "v6"
mode = "vrrp"
preempt = true
preempt_delay = "1m"
[[group.virtual_router]]
interface = "eth0"
virtual_router_id = 255
advertisement_interval = "40.95s"
addresses = ["fe80::0:1/64", "2001:DB8::100/64"]
`);
    expect(config).toEqual({
      node: 'a',
      stateDir: '/srv/state',
      startDelayUs: 0,
      runDir: '/srv/run',
      api: { listen: { host: '2001:db8::1', port: 80 }, tokenFile: '/etc/tiebreak/api.token' },
      witness: {
        url: 'https://witness.example.com/base',
        cluster: 'branch-7',
        tokenFile: '/etc/tiebreak/witness.token',
      },
      groups: [
        {
          id: 1,
          name: 'edge',
          gateway: true,
          mode: 'lease',
          policy: { name: 'safe' },
          preempt: false,
          preemptDelayUs: 0,
          checks: [],
          notify: [],
          floatingIps: [],
          keyFile: '/etc/tiebreak/edge.key',
          peers: [{ node: 'b', addresses: ['192.0.2.2', '198.51.100.2'] }],
          sidebandPort: 4000,
          intervalUs: 100_000,
          priority: 200,
          virtualRouters: [
            {
              interface: 'eth0',
              virtualRouterId: 255,
              version: 3,
              family: 'ipv4',
              priority: 200,
              advertisementIntervalUs: 100_000,
              addresses: [
                {
                  address: '192.0.2.100',
                  prefixLength: 24,
                  interface: 'eth0',
                  label: null,
                  scope: 'global',
                  advertised: true,
                },
                {
                  address: '198.51.100.7',
                  prefixLength: 32,
                  interface: 'eth1',
                  label: 'eth1:vip',
                  scope: 'global',
                  advertised: false,
                },
              ],
              routes: [],
              sourceAddress: '192.0.2.1',
              unicast: ['192.0.2.2'],
              minTtl: 255,
              checksum: 'message',
              accept: true,
              virtualMac: false,
              authPass: null,
              authHmac: null,
              announce: ANNOUNCED,
            },
          ],
        },
        {
          id: 2,
          name: 'v6',
          gateway: false,
          mode: 'vrrp',
          preempt: true,
          preemptDelayUs: 60_000_000,
          checks: [],
          notify: [],
          floatingIps: [],
          virtualRouters: [
            {
              interface: 'eth0',
              virtualRouterId: 255,
              version: 3,
              family: 'ipv6',
              priority: 100,
              advertisementIntervalUs: 40_950_000,
              addresses: [
                {
                  address: 'fe80::1',
                  prefixLength: 64,
                  interface: 'eth0',
                  label: null,
                  scope: 'global',
                  advertised: true,
                },
                {
                  address: '2001:db8::100',
                  prefixLength: 64,
                  interface: 'eth0',
                  label: null,
                  scope: 'global',
                  advertised: true,
                },
              ],
              routes: [],
              sourceAddress: null,
              unicast: null,
              minTtl: 255,
              checksum: 'pseudo-header',
              accept: true,
              virtualMac: false,
              authPass: null,
              authHmac: null,
              announce: ANNOUNCED,
            },
          ],
        },
      ],
    });
  });

  it.each(['60ms', '4s', '4000ms', '0.06s'])('may have the lease interval %s', (interval) => {
    const text = edit(PAIR, 'virtual_router_id', `advertisement_interval = "${interval}"\nvirtual_router_id`);
    expect(problemsOf(text)).toEqual([]);
  });

  it('starts with a byte order mark or not', () => {
    expect(configOf(`\uFEFF${PAIR}`)).toEqual(configOf(PAIR));
  });
});

describe('warnings', () => {
  it('of virtual routers that move together with priorities of their own, which two nodes may have crossed', () => {
    const second = (more: string): string =>
      `${PLAIN}\n[[group.virtual_router]]\ninterface = "eth1"\nvirtual_router_id = 34\naddresses = ["198.51.100.1/24"]\n${more}`;
    expect(warningsOf(second('priority = 150\n')).map(formatProblem)).toEqual([
      "edge.toml:16:12  group[0].virtual_router[1].priority: is 150, and that of the group's first virtual router 100: they move together, so two nodes of which each is the higher for one of them may drive each other out again and again; give all of them the same priority, or make sure that the higher node is the higher for all of them",
    ]);
    expect(warningsOf(second(''))).toEqual([]);
  });

  it('tell that http:// proves nothing', () => {
    expect(warningsOf(edit(PAIR, 'https:', 'http:'))).toMatchObject([{ line: 4, column: 7, path: 'witness.url' }]);
  });

  it('tell of settings without effect in mode "vrrp"', () => {
    const text = edit(PAIR, 'name = "edge"', 'name = "edge"\nmode = "vrrp"\npreempt_delay = "1s"');
    expect(warningsOf(text).map(({ line, path }) => `${line} ${path}`)).toEqual([
      '3 witness',
      '11 group[0].preempt_delay',
      '12 group[0].key_file',
      '13 group[0].peers',
    ]);
  });

  it('are silent about a sound pair', () => {
    expect(warningsOf(PAIR)).toEqual([]);
  });
});
