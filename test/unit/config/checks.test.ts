import { describe, expect, it } from 'vitest';
import { configOf, PAIR, PLAIN, problemsOf } from './example.ts';

const checked = (lines: string, pair = PAIR): string => `${pair}\n[[group.check]]\nname = "service"\n${lines}\n`;
const LOCAL = { name: 'service', rise: 1, fall: 1, weight: 0, intervalMs: 1_000, reverse: false };
const ANY = { status: null, body: null, serverName: null, insecure: false };
const BASE = { ...LOCAL, timeoutMs: 1_000 };

describe('what the agent looks at itself', () => {
  it.each([
    ['file = "/run/serve"', { kind: 'file', path: '/run/serve' }],
    ['http = "http://[::1]/health"', { kind: 'http', url: 'http://[::1]/health', ...ANY }],
    ['tcp = "127.0.0.1:25"', { kind: 'tcp', host: '127.0.0.1', port: 25 }],
    ['tcp = "[2001:db8::1]:65535"', { kind: 'tcp', host: '2001:db8::1', port: 65_535 }],
    ['arp = "192.0.2.254"', { kind: 'arp', address: '192.0.2.254', interface: 'eth0', notFrom: ['192.0.2.100'] }],
    [
      'arp = { address = "2001:db8::1", interface = "eth1" }',
      { kind: 'arp', address: '2001:db8::1', interface: 'eth1', notFrom: ['192.0.2.100'] },
    ],
    ['tcp = "db.example.com:5432"', { kind: 'tcp', host: 'db.example.com', port: 5_432 }],
    [
      'command = ["/usr/bin/pgrep", "-x", "nginx"]',
      { kind: 'command', program: '/usr/bin/pgrep', arguments: ['-x', 'nginx'], user: null },
    ],
  ])('%s', (line, expected) => {
    expect(configOf(checked(line)).groups[0]?.checks).toEqual([{ ...BASE, ...expected }]);
    expect(configOf(checked(line, PLAIN)).groups[0]?.checks).toEqual([{ ...BASE, ...expected }]);
  });

  it.each([
    ['process = "nginx"', { kind: 'process', process: 'nginx', quorum: 1 }],
    ['process = "nginx"\nquorum = 3', { kind: 'process', process: 'nginx', quorum: 3 }],
    ['interface = "eth1"', { kind: 'interface', interface: 'eth1', upDelayMs: 0, downDelayMs: 0 }],
    [
      'interface = "eth1"\nup_delay = "30s"\ndown_delay = "500ms"',
      { kind: 'interface', interface: 'eth1', upDelayMs: 30_000, downDelayMs: 500 },
    ],
  ])('%s', (line, expected) => {
    expect(configOf(checked(line)).groups[0]?.checks).toEqual([{ ...LOCAL, ...expected }]);
  });

  it('in its own time: the interval is the timeout unless the file says otherwise', () => {
    const slower = configOf(checked('file = "/run/serve"\ninterval = "5s"\nrise = 2\nfall = 3\nweight = -20'));
    expect(slower.groups[0]?.checks).toMatchObject([
      { intervalMs: 5_000, timeoutMs: 5_000, rise: 2, fall: 3, weight: -20 },
    ]);
    expect(configOf(checked('tcp = "[::1]:1"\ntimeout = "250ms"')).groups[0]?.checks).toMatchObject([
      { intervalMs: 1_000, timeoutMs: 250 },
    ]);
  });
});

it.each([
  ['tcp = "127.0.0.1"', 'must be HOST:PORT'],
  ['tcp = "127.0.0.1:0"', 'must be HOST:PORT'],
  ['tcp = "::1:25"', 'must be HOST:PORT'],
  ['tcp = "[127.0.0.1]:25"', 'must be HOST:PORT'],
  ['command = ["pgrep", "nginx"]', 'must begin with the absolute path of a program'],
  ['command = []', 'must name a program'],
  ['file = "run/serve"', 'must be an absolute path'],
  ['file = "/run/serve"\ninterval = "99ms"', 'must be at least 100ms'],
  ['file = "/run/serve"\ntimeout = "0s"', 'must be at least 1ms'],
  ['file = "/run/serve"\nhttp = "http://127.0.0.1/"', 'exactly one of'],
  ['', 'exactly one of'],
  ['process = "/usr/sbin/nginx"', 'must be the name of a program without its folder'],
  ['process = ""', 'must be the name of a program'],
  ['process = "nginx"\nquorum = 0', 'must be a whole number from 1 to 10000'],
  ['file = "/run/serve"\nquorum = 2', 'quorum: is for checks by process only'],
  ['process = "nginx"\nup_delay = "1s"', 'up_delay: is for checks by interface only'],
  ['interface = "eth1"\ntimeout = "1s"', 'timeout: is for checks by command, http, tcp, file and arp only'],
  ['arp = "192.0.2.100"', 'arp: 192.0.2.100 is a virtual address: its owner would ask itself'],
  ['arp = { address = "192.0.2.100" }', 'arp: 192.0.2.100 is a virtual address'],
  ['arp = "gateway"', 'must be an IPv4 or IPv6 address'],
  ['arp = { address = "192.0.2.1", interfce = "eth1" }', "did you mean 'interface'?"],
  ['http = "http://127.0.0.1/"\nstatus = [99]', 'must be a whole number from 100 to 599'],
  ['http = "http://127.0.0.1/"\nstatus = []', 'leave status out for 200 to 299'],
  ['http = "http://127.0.0.1/"\nserver_name = "https://x"', 'must be the name of a host'],
  ['tcp = "127.0.0.1:1"\nbody = "ok"', 'body: is for checks by http only'],
  ['tcp = "127.0.0.1:1"\nuser = "nobody"', 'user: is for checks by command only'],
  ['push = true\nreverse = true', 'reverse: is for checks by command, http, tcp'],
  ['interface = "eth 1"', 'must be the name of an interface'],
])('%s: %s', (lines, problem) => {
  expect(problemsOf(checked(lines))).toEqual([expect.stringContaining(problem)]);
});
