import { describe, expect, it } from 'vitest';
import { edit, PAIR, PLAIN, problemsOf } from './example.ts';

const ROUTER = 'group[0].virtual_router[0]';
const SECOND_ROUTER = `
[[group.virtual_router]]
interface = "eth1"
virtual_router_id = 34
addresses = ["198.51.100.100/24"]
`;
const SECOND_GROUP = `
[[group]]
name = "other"
key_file = "/etc/tiebreak/edge.key"
peers = [{ node = "b", addresses = ["192.0.2.2"] }]

[[group.virtual_router]]
interface = "eth1"
virtual_router_id = 34
addresses = ["198.51.100.100/24"]
`;

type Case = readonly [rule: string, from: string, to: string, problem: string];

const IN_PAIR: readonly Case[] = [
  [
    'a misspelt key gets the nearest name',
    'virtual_router_id',
    'priorty = 3\nvirtual_router_id',
    `15:1  ${ROUTER}.priorty: unknown key; did you mean 'priority'?`,
  ],
  [
    'a key of another table is shown its place',
    'name = "edge"',
    'name = "edge"\ninterface = "eth0"',
    "10:1  group[0].interface: unknown key; it belongs in 'group.virtual_router'",
  ],
  [
    'a top-level key below a table is shown its place',
    'name = "edge"',
    'name = "edge"\nrun_dir = "/run/x"',
    '10:1  group[0].run_dir: unknown key; it belongs at the top of the file',
  ],
  [
    'a key that is like nothing is just unknown',
    'node = "a"',
    'node = "a"\nqqqqqqqqq = 1',
    '2:1  qqqqqqqqq: unknown key',
  ],
  [
    'a key of the prototype is a key like any other',
    'node = "a"',
    'node = "a"\n__proto__ = 1',
    '2:1  __proto__: unknown key',
  ],
  [
    'an unknown table is an error',
    '[witness]',
    '[wittness]\nx = 1\n[witness]',
    "3:1  wittness: unknown key; did you mean 'witness'?",
  ],
  ['a table needs its keys', 'interface = "eth0"\n', '', `13:1  ${ROUTER}.interface: is missing`],
  ['text needs quotes', 'name = "edge"', 'name = 1', '9:8  group[0].name: must be text in quotes, not a whole number'],
  ['a date is no text', 'name = "edge"', 'name = 2026-01-01', '9:8  group[0].name: must be text in quotes, not a date'],
  ['a number needs none', '= 33', '= "33"', `15:21  ${ROUTER}.virtual_router_id: must be a whole number, not text`],
  ['a VRID is whole', '= 33', '= 33.5', `15:21  ${ROUTER}.virtual_router_id: must be a whole number, not a fraction`],
  ['a VRID is 1 at least', '= 33', '= 0', `15:21  ${ROUTER}.virtual_router_id: must be a whole number from 1 to 255`],
  [
    'a VRID is 255 at most',
    '= 33',
    '= 256',
    `15:21  ${ROUTER}.virtual_router_id: must be a whole number from 1 to 255`,
  ],
  [
    'priority 0 is for leaving',
    '= 33',
    '= 33\npriority = 0',
    `16:12  ${ROUTER}.priority: must be 1 to 255: with 0 a router says that it leaves`,
  ],
  ['a priority is 255 at most', '= 33', '= 33\npriority = 256', `16:12  ${ROUTER}.priority: must be 1 to 255`],
  ['a version is 2 or 3', '= 33', '= 33\nversion = 1', `16:11  ${ROUTER}.version: must be one of 2, 3`],
  [
    'a mode gets the nearest name',
    'name = "edge"',
    'name = "edge"\nmode = "leas"',
    "10:8  group[0].mode: must be one of lease, vrrp; did you mean 'lease'?",
  ],
  [
    'a name is plain',
    'name = "edge"',
    'name = "../edge"',
    '9:8  group[0].name: must be lower-case letters, digits, dot, dash and underscore; 1 to 63',
  ],
  [
    'a duration has a unit',
    '= 33',
    '= 33\nadvertisement_interval = "250"',
    `16:26  ${ROUTER}.advertisement_interval: must be a duration of at most a day, such as "250ms", "1s" or "1m"`,
  ],
  [
    'an interface has a name that the kernel takes',
    '"eth0"',
    '"eth0/1"',
    `14:13  ${ROUTER}.interface: must be the name of an interface: at most 15 letters, digits, . _ -`,
  ],
  [
    'an address has a prefix length',
    '192.0.2.100/24',
    '192.0.2.100',
    `16:14  ${ROUTER}.addresses[0]: must be an address with its prefix length, such as "192.0.2.100/24"`,
  ],
  [
    'a prefix length fits the family',
    '192.0.2.100/24',
    '192.0.2.100/33',
    `16:14  ${ROUTER}.addresses[0]: must be an address with its prefix length, such as "192.0.2.100/24"`,
  ],
  [
    'an address of a table is checked like any other',
    '"192.0.2.100/24"',
    '{ address = "192.0.2.300/24" }',
    `16:26  ${ROUTER}.addresses[0].address: must be an address with its prefix length, such as "192.0.2.100/24"`,
  ],
  [
    'an address is text or a table',
    '"192.0.2.100/24"',
    '5',
    `16:14  ${ROUTER}.addresses[0]: must be text in quotes or a table in braces`,
  ],
  [
    'an address belongs to one host',
    '192.0.2.100/24',
    '224.0.0.18/24',
    `16:14  ${ROUTER}.addresses[0]: 224.0.0.18 is not an address that a host can have`,
  ],
  ['at least one address', '"192.0.2.100/24"', '', `16:13  ${ROUTER}.addresses: at least one address is needed`],
  [
    'at least one advertised address',
    '"192.0.2.100/24"',
    '{ address = "192.0.2.100/24", advertised = false }',
    `16:1  ${ROUTER}.addresses: at least one must be advertised`,
  ],
  [
    'a label starts with its interface',
    '"192.0.2.100/24"',
    '{ address = "192.0.2.100/24", label = "vip" }',
    `16:14  ${ROUTER}.addresses[0]: the label must start with the interface, as in "eth0:vip"`,
  ],
  [
    'an address is there once',
    '"192.0.2.100/24"',
    '"192.0.2.100/24", "192.0.2.100/32"',
    `16:32  ${ROUTER}.addresses[1]: 192.0.2.100 is already a virtual address in line 16`,
  ],
  [
    'version 2 counts seconds',
    '= 33',
    '= 33\nversion = 2',
    `13:1  ${ROUTER}.advertisement_interval: version 2 counts whole seconds, 1s to 255s; this is 250ms`,
  ],
  [
    'version 3 counts centiseconds',
    '= 33',
    '= 33\nadvertisement_interval = "255ms"',
    `16:26  ${ROUTER}.advertisement_interval: version 3 counts steps of 10ms, from 10ms to 40.95s; this is 255ms`,
  ],
  [
    'a lease interval is 14 ticks at least',
    '= 33',
    '= 33\nadvertisement_interval = "50ms"',
    `16:26  ${ROUTER}.advertisement_interval: mode "lease" needs at least 56ms (50 ms and 14 kernel ticks of 4 ms); a shorter interval is for mode = "vrrp"`,
  ],
  [
    'a lease interval is 4 s at most',
    '= 33',
    '= 33\nadvertisement_interval = "4010ms"',
    `16:26  ${ROUTER}.advertisement_interval: mode "lease" allows at most 4s; a longer one is for mode = "vrrp"`,
  ],
  [
    'the source does not move',
    '= 33',
    '= 33\nsource_address = "192.0.2.100"',
    `16:18  ${ROUTER}.source_address: must not be a virtual address, which moves; use an address that stays with its host`,
  ],
  [
    'the source has the family of the addresses',
    '= 33',
    '= 33\nsource_address = "fe80::1"',
    `16:18  ${ROUTER}.source_address: must be an IPv4 address, as the virtual addresses are`,
  ],
  [
    'unicast peers have the family of the addresses',
    '= 33',
    '= 33\nunicast = ["192.0.2.2", "fe80::1"]',
    `16:25  ${ROUTER}.unicast[1]: must be an IPv4 address, as the virtual addresses are`,
  ],
  [
    'unicast names someone',
    '= 33',
    '= 33\nunicast = []',
    `16:11  ${ROUTER}.unicast: name a peer, or leave unicast out for multicast`,
  ],
  [
    'a peer is another node',
    'node = "b"',
    'node = "a"',
    '11:19  group[0].peers[0].node: is this node itself; peers are the other nodes',
  ],
  [
    'a path to a peer is named once',
    '["192.0.2.2"]',
    '["192.0.2.2", "192.0.2.2"]',
    '11:50  group[0].peers[0].addresses[1]: is named twice',
  ],
  [
    'a path to a peer is an address',
    '["192.0.2.2"]',
    '["192.0.2.2/24"]',
    '11:37  group[0].peers[0].addresses[0]: must be an IPv4 or IPv6 address, such as "192.0.2.1", without prefix length or zone',
  ],
  [
    'a path to a peer does not move',
    '["192.0.2.2"]',
    '["192.0.2.100"]',
    '11:37  group[0].peers[0].addresses[0]: leads to the virtual address 192.0.2.100, which moves; use one that stays with its host',
  ],
  [
    'the way to the witness does not move',
    'https://witness.example.com',
    'https://192.0.2.100:8787',
    '4:7  witness.url: leads to the virtual address 192.0.2.100, which moves; use one that stays with its host',
  ],
  [
    'a lease group has peers',
    'peers = [{ node = "b", addresses = ["192.0.2.2"] }]\n',
    '',
    '8:1  group[0].peers: is missing: mode "lease" needs to know the other node',
  ],
  [
    'a lease group has a key',
    'key_file = "/etc/tiebreak/edge.key"\n',
    '',
    '8:1  group[0].key_file: is missing: the link between the agents is authenticated',
  ],
  [
    'a path in the file system is absolute',
    '"/etc/tiebreak/edge.key"',
    '"edge.key"',
    '10:12  group[0].key_file: must be an absolute path, starting with /',
  ],
  [
    'a URL is http or https',
    'https://',
    'wss://',
    '4:7  witness.url: must be a URL such as "https://witness.example.com", without user, query and #',
  ],
  [
    'a URL carries no credentials',
    'https://',
    'https://me:pw@',
    '4:7  witness.url: must be a URL such as "https://witness.example.com", without user, query and #',
  ],
  [
    'the API listens on an address',
    '[witness]',
    'api.listen = "localhost:9112"\n[witness]',
    '3:14  api.listen: must be IP:PORT, such as "127.0.0.1:9112" or "[::1]:9112"',
  ],
  [
    'the run_dir leaves room for the name of a socket',
    '[witness]',
    `run_dir = "/${'r'.repeat(80)}"\n[witness]`,
    '3:11  run_dir: must be 80 bytes at most',
  ],
];

function problem(line: string): string {
  return `edge.toml:${line}`;
}

describe('one mistake gives one problem at its place', () => {
  it.each(IN_PAIR)('%s', (_rule, from, to, expected) => {
    expect(problemsOf(edit(PAIR, from, to))).toEqual([problem(expected)]);
  });

  it('two agents need a witness', () => {
    const text = PAIR.replace(/\[witness\][^[]*/, '');
    expect(problemsOf(text)).toEqual([
      problem(
        '3:1  group[0]: two agents without a witness can never survive the loss of one; add [witness], or set mode = "vrrp" for plain VRRP, which may go to two owners',
      ),
    ]);
  });

  it('a slower tick needs a longer interval', () => {
    const text = edit(PAIR, '= 33', '= 33\nadvertisement_interval = "130ms"');
    expect(problemsOf(text, 4)).toEqual([]);
    expect(problemsOf(text, 10)).toEqual([
      expect.stringContaining('at least 140ms (50 ms and 14 kernel ticks of 10 ms)'),
    ]);
    expect(problemsOf(edit(PAIR, '= 33', '= 33\nadvertisement_interval = "40ms"'), 1)).toEqual([
      expect.stringContaining('at least 50ms'),
    ]);
  });

  it.each([
    ['priority', 'priority = 101', 'priority: must be 100'],
    ['interval', 'advertisement_interval = "260ms"', 'advertisement_interval: must be 250ms'],
  ])('the virtual routers of a lease group have one %s', (_key, line, expected) => {
    const text = `${PAIR}${SECOND_ROUTER}${line}\n`;
    const column = line.indexOf('=') + 3;
    expect(problemsOf(text)).toEqual([
      problem(`22:${column}  group[0].virtual_router[1].${expected}, as in the group's first virtual router`),
    ]);
  });

  it('a virtual router is there once for each interface, VRID and family', () => {
    const twin = edit(edit(SECOND_ROUTER, '"eth1"', '"eth0"'), '34', '33');
    expect(problemsOf(PAIR + twin)).toEqual([
      problem(
        '20:21  group[0].virtual_router[1].virtual_router_id: 33 on eth0 is already the virtual router of line 13',
      ),
    ]);
    expect(problemsOf(PLAIN + edit(twin, '198.51.100.100/24', 'fe80::1/64'))).toEqual([]);
    expect(problemsOf(PAIR + edit(SECOND_ROUTER, '34', '33'))).toEqual([]);
  });

  it('the first IPv6 address is link-local (RFC 9568 section 5.2.9)', () => {
    expect(problemsOf(edit(PLAIN, '192.0.2.100/24', '2001:db8::1/64'))).toEqual([
      expect.stringContaining(`10:14  ${ROUTER}.addresses[0]: the first IPv6 address must be link-local`),
    ]);
    expect(problemsOf(edit(PLAIN, '"192.0.2.100/24"', '"fe80::1/64", "2001:db8::1/64"'))).toEqual([]);
  });

  it('a link-local address may be on two links, any other address only once', () => {
    const first = edit(PLAIN, '192.0.2.100/24', 'fe80::1/64');
    expect(problemsOf(first + edit(SECOND_ROUTER, '198.51.100.100/24', 'fe80::1/64'))).toEqual([]);
    expect(problemsOf(PAIR + edit(SECOND_ROUTER, '198.51.100.100', '192.0.2.100'))).toEqual([
      problem('21:14  group[0].virtual_router[1].addresses[0]: 192.0.2.100 is already a virtual address in line 16'),
    ]);
  });

  it('a group name is there once', () => {
    expect(problemsOf(PAIR + edit(SECOND_GROUP, '"other"', '"edge"'))).toEqual([
      problem('19:8  group[1].name: "edge" is already the group of line 8'),
    ]);
  });

  it('all groups with one peer share one link (L3)', () => {
    expect(problemsOf(PAIR + SECOND_GROUP)).toEqual([]);
    const text = edit(edit(SECOND_GROUP, '192.0.2.2', '192.0.2.3'), 'edge.key', 'other.key');
    expect(problemsOf(`${PAIR}${edit(text, 'name =', 'sideband_port = 5\nname =')}`)).toEqual([
      problem('19:17  group[1].sideband_port: the sideband_port of peer "b" must be as in the group of line 8'),
      problem('21:12  group[1].key_file: the key_file of peer "b" must be as in the group of line 8'),
      problem('22:36  group[1].peers[0].addresses: the addresses of peer "b" must be as in the group of line 8'),
    ]);
  });

  it('version 2 is for IPv4', () => {
    const text = edit(PLAIN, '192.0.2.100/24', 'fe80::1/64');
    expect(problemsOf(edit(text, '= 33', '= 33\nversion = 2\nadvertisement_interval = "1s"'))).toEqual([
      problem(`10:11  ${ROUTER}.version: version 2 is for IPv4 only`),
    ]);
  });

  it('a password is for version 2, and short', () => {
    const version2 = '= 33\nversion = 2\nadvertisement_interval = "1s"\nauth_pass = ';
    expect(problemsOf(edit(PLAIN, '= 33', `${version2}"1111"`))).toEqual([]);
    expect(problemsOf(edit(PLAIN, '= 33', '= 33\nauth_pass = "1111"'))).toEqual([
      expect.stringContaining(`${ROUTER}.auth_pass: version 3 has no passwords`),
    ]);
    for (const password of ['', '123456789', 'with space', 'ü']) {
      expect(problemsOf(edit(PLAIN, '= 33', `${version2}"${password}"`))).toEqual([
        expect.stringContaining('must be 1 to 8 letters, digits and signs'),
      ]);
    }
  });

  it('a virtual router has one address family', () => {
    expect(problemsOf(edit(PLAIN, '"192.0.2.100/24"', '"192.0.2.100/24", "fe80::1/64"'))).toEqual([
      problem(
        `10:32  ${ROUTER}.addresses[1]: IPv4 and IPv6 need a virtual router each; add a second [[group.virtual_router]]`,
      ),
    ]);
  });

  it('only the owner of an address may send from it', () => {
    const text = edit(PLAIN, '= 33', '= 33\nsource_address = "192.0.2.100"');
    expect(problemsOf(text)).toHaveLength(1);
    expect(problemsOf(edit(text, '= 33', '= 33\npriority = 255'))).toEqual([]);
  });

  it('a file without a group says so', () => {
    expect(problemsOf('node = "a"')).toEqual([problem('1:1  group: at least one [[group]] is needed')]);
  });

  it('single brackets for a group are explained', () => {
    expect(problemsOf('node = "a"\n[group]\nname = "edge"')).toEqual([
      problem('2:1  group: must be a list, not a table; write the table with double brackets, as in [[group]]'),
    ]);
  });

  it.each([
    ['node = ', '1:8  Unspecified values are invalid'],
    ['node = "a"\nnode = "b"', '2:1  '],
    ['a = 1 b', '1:7  '],
    [`a = ${'['.repeat(50_000)}${']'.repeat(50_000)}`, '1:1  nested too deeply to be read'],
  ])('what is no TOML is shown where it ceases to be', (text, expected) => {
    const found = problemsOf(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`edge.toml:${expected}`);
  });
});

it('whoever owns an address accepts what is sent to it', () => {
  const refusing = edit(PLAIN, '= 33', '= 33\naccept = false');
  expect(problemsOf(refusing)).toEqual([]);
  expect(problemsOf(edit(refusing, 'accept', 'priority = 255\naccept'))).toEqual([
    expect.stringContaining("accept: with priority 255 the addresses are this host's own"),
  ]);
  expect(problemsOf(edit(PAIR, '= 33', '= 33\npriority = 255\naccept = false'))).toEqual([]);
});

describe('all problems come at once', () => {
  it('in the order of the file, whichever rule found them', () => {
    const text = edit(edit(PAIR, 'node = "b"', 'node = "a"'), '= 33', '= 0\npriorty = 1\nroutes = [{ to = "x" }]');
    const whole = edit(edit(text, 'name = "edge"', 'name = "edge"\nnotify = [{ command = ["n"] }]'), 'https:', 'ftp:');
    expect(problemsOf(whole).map((line) => line.split('  ')[0])).toEqual([
      'edge.toml:4:7', // url
      'edge.toml:10:23', // notify: no absolute path
      'edge.toml:12:19', // the peer is this node
      'edge.toml:16:21', // virtual_router_id
      'edge.toml:17:1', // priorty
      'edge.toml:18:18', // routes: no network
    ]);
  });
});
