import { describe, expect, it } from 'vitest';
import { judgeAgent } from '../../../agent/doctor/agent.ts';
import { perform } from '../../../agent/doctor/examination.ts';
import { type FirewallTable, judgeFirewall } from '../../../agent/doctor/firewall.ts';
import type { WitnessFacts } from '../../../agent/doctor/reach-witness.ts';
import { judgeSideband, portsIn } from '../../../agent/doctor/sideband.ts';
import { judgeWitness } from '../../../agent/doctor/witness.ts';
import { configOf, edit, PAIR } from '../config/example.ts';
import { ABSENT, running, told } from './facts.ts';

const config = configOf(PAIR);

describe('an examination', () => {
  it('that fails is a warning with the reason', async () => {
    const examine = () => {
      throw Object.assign(new Error('no'), { code: 'EPERM' });
    };
    expect(told(await perform({ topic: 'x', withinMs: 1_000, examine }))).toEqual([
      'warning x: could not be looked at: EPERM',
    ]);
  });

  it('that does not end is given up', async () => {
    const examine = () => new Promise<never>(() => {});
    expect(told(await perform({ topic: 'x', withinMs: 10, examine }))).toEqual([
      'warning x: could not be looked at: no answer within 0.01 s',
    ]);
  });
});

describe('the agent', () => {
  it.each([
    ['absent', ABSENT, 'ok agent: does not run: what only a running one knows is left out'],
    ['frozen', { kind: 'unclear', why: 'has not answered for 3 s' }, 'problem agent: has not answered for 3 s'],
  ] as const)('%s', (_what, agent, line) => {
    expect(told(judgeAgent(agent, config, '0.1.0'))).toEqual([line]);
  });

  it.each([
    ['well', {}, 'ok group edge: a owns it, this node is active'],
    [
      'in fault',
      { role: 'fault', owner: 'b', reason: 'eth0 has no link' } as const,
      'problem group edge: b owns it, this node is fault: eth0 has no link',
    ],
    [
      'without an owner',
      { role: 'backup', owner: null } as const,
      'problem group edge: no owner is known, this node is backup',
    ],
    [
      'with something to say',
      { reason: 'peer b has other addresses' },
      'warning group edge: a owns it, this node is active: peer b has other addresses',
    ],
    [
      'just started',
      { role: 'initialize', owner: null } as const,
      'warning group edge: no owner is known, this node is initialize',
    ],
  ])('%s', (_what, changes, line) => {
    expect(told(judgeAgent(running(changes), config, '0.1.0'))).toEqual([
      'ok agent: node a runs, version 0.1.0, pid 4711',
      line,
    ]);
  });

  it('of another version, of another node, and without its guardian', () => {
    const agent = running();
    if (agent.kind !== 'running') throw new Error('it runs');
    const status = { ...agent.status, node: 'c', process: { engine_pid: 1, guardian_pid: null } };
    expect(told(judgeAgent({ kind: 'running', status }, config, '0.2.0')).slice(0, 3)).toEqual([
      'problem agent: the one that answers is node c, and this configuration is for a',
      'warning agent: runs version 0.1.0, and version 0.2.0 is installed',
      'warning agent: runs without its guardian, so that a crash would cost a master-down time',
    ]);
  });
});

describe('the sideband', () => {
  type Peer = Parameters<typeof running>[0] extends { peers?: infer P } | undefined ? NonNullable<P> : never;
  const path = { address: '192.0.2.2', heard_ms_ago: 62, rtt_ms: 0.41 };
  const judge = (peer: Partial<Peer[number]>) =>
    told(judgeSideband(config, running({ peers: [{ node: 'b', state: 'heard', paths: [path], ...peer }] }), new Set()));

  it('in both directions', () => {
    expect(judge({ configuration: 'same' })).toEqual(['ok peer b: is heard, and answers, at 192.0.2.2 (0.4 ms)']);
  });

  it.each([
    ['is silent', { state: 'silent' } as const, 'problem peer b: is not heard (192.0.2.2)'],
    [
      'is heard through the witness alone',
      {
        paths: [
          { ...path, heard_ms_ago: null, rtt_ms: null },
          { address: 'witness', heard_ms_ago: 20, rtt_ms: null },
        ],
      },
      'problem peer b: is not heard but through the witness (192.0.2.2)',
    ],
    [
      'is heard, and does not hear us',
      { paths: [{ ...path, rtt_ms: null }] },
      'problem peer b: is heard at 192.0.2.2, and has never answered there: what this node sends does not arrive',
    ],
    [
      'is heard on one path of two',
      { paths: [path, { address: '198.51.100.2', heard_ms_ago: null, rtt_ms: null }] },
      'warning peer b: is heard, but never at 198.51.100.2',
    ],
  ])('the peer %s', (_what, peer, line) => {
    expect(judge(peer)).toEqual([line]);
  });

  it('tells of a peer that is configured otherwise', () => {
    expect(judge({ configuration: 'identity_differs' })[1]).toBe(
      'problem peer b: has another configuration of group edge: neither node votes for the other',
    );
    expect(judge({ configuration: 'settings_differ' })[1]).toMatch(/^warning peer b: has other addresses/);
  });

  it('without an agent: whether the port is free', () => {
    expect(told(judgeSideband(config, ABSENT, new Set([53])))).toEqual(['ok sideband: UDP port 3112 is free']);
    expect(told(judgeSideband(config, ABSENT, new Set([3112])))).toEqual([
      'problem sideband: another program has UDP port 3112',
    ]);
  });

  it('reads the ports of /proc/net/udp', () => {
    const text = `   sl  local_address rem_address   st
  123: 00000000:0C28 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0
`;
    expect(portsIn(text)).toEqual([3112]);
  });
});

describe('the firewall', () => {
  const match = (field: string, right: unknown, protocol = 'udp') => ({
    match: { op: '==', left: { payload: { protocol, field } }, right },
  });
  const table = (policy: string, ...rules: readonly (readonly unknown[])[]): FirewallTable => ({
    family: 'inet',
    name: 'filter',
    chains: [{ family: 'inet', table: 'filter', name: 'input', hook: 'input', policy }],
    rules: rules.map((expr) => ({ family: 'inet', table: 'filter', chain: 'input', expr: [...expr] })),
  });
  const accept = { accept: null };
  const drop = { drop: null };
  const both = [
    [match('dport', 3112), accept],
    [{ match: { op: '==', left: { meta: { key: 'l4proto' } }, right: 'vrrp' } }, accept],
  ];

  it.each([
    ['none', []],
    ['open', [table('accept')]],
    ['closed, with both named', [table('drop', ...both)]],
    [
      'closed, with both named as sets',
      [table('drop', [match('dport', { set: [22, 3112] }), accept], [match('protocol', 112, 'ip'), accept])],
    ],
  ])('%s: all is well', (_what, tables) => {
    expect(told(judgeFirewall(tables, config)).map((line) => line.slice(0, 2))).toEqual(['ok']);
  });

  it.each([
    ['by its policy', table('drop', [match('dport', 22, 'tcp'), accept])],
    ['by its last rule', table('accept', [match('dport', 22, 'tcp'), accept], [{ counter: null }, drop])],
    ['with a longer number alone', table('drop', [match('dport', 31120), accept])],
  ])('closed %s', (_what, closed) => {
    expect(told(judgeFirewall([closed], config))).toEqual([
      'warning firewall: table inet filter drops what it does not name, and names no UDP port 3112 (the sideband)',
      'warning firewall: table inet filter drops what it does not name, and names no IP protocol 112 (VRRP)',
    ]);
  });

  it('with a rule that drops ours', () => {
    expect(told(judgeFirewall([table('accept', [match('dport', 3112), drop])], config))).toEqual([
      'warning firewall: table inet filter has a rule that drops UDP port 3112 (the sideband)',
    ]);
  });
});

describe('the witness', () => {
  const at = 1_800_000_000_000;
  const reach = { kind: 'reached', status: 200, roundTripMs: 20, askedAtMs: at + 300, dateMs: at } as const;
  const facts: WitnessFacts = {
    url: 'https://witness.example.com',
    reach,
    wayProblems: [],
    token: { kind: 'node', node: 'a' },
    measured: { ok: true, count: 10, p50Ms: 21, p99Ms: 48 },
  };
  const judge = (changes: Partial<WitnessFacts>, of = config) =>
    told(judgeWitness({ ...facts, ...changes }, of, ABSENT));

  it('in reach', () => {
    expect(judge({})).toEqual([
      'ok witness: https://witness.example.com answers in 20 ms',
      'ok way to the witness: leads through no peer and no virtual address',
      'ok clock and witness: the wall clocks agree',
      "ok witness token: the witness takes it for node a's",
      'ok votes of the witness: take 21.0 ms (p99 48.0 ms)',
    ]);
  });

  it.each([
    [
      'whose name nobody knows',
      { reach: { kind: 'unresolved', hostname: 'w', why: 'ENOTFOUND' } },
      'problem witness: w cannot be resolved: ENOTFOUND',
    ],
    [
      'that does not answer',
      { reach: { kind: 'unreachable', why: 'ECONNREFUSED' } },
      'problem witness: https://witness.example.com does not answer: ECONNREFUSED',
    ],
    [
      'that is something else',
      { reach: { ...reach, status: 404 } },
      'problem witness: https://witness.example.com/healthz answers with 404',
    ],
    [
      'behind the peer',
      { wayProblems: ['the way leads through node b'] },
      'problem way to the witness: the way leads through node b',
    ],
    [
      'that does not know the token',
      { token: { kind: 'void' } },
      'problem witness token: the witness does not know it (another cluster, or it was replaced or revoked)',
    ],
    ["with another node's token", { token: { kind: 'node', node: 'b' } }, "problem witness token: is node b's"],
    [
      'that does not vote',
      { measured: { ok: false, reason: 'refused' } },
      'problem votes of the witness: cannot be had: refused',
    ],
  ] as const)('%s', (_what, changes, line) => {
    expect(judge(changes)).toContain(line);
  });

  it.each([
    ['a second and a half, which the header cannot tell', 2_000, 'ok clock and witness: the wall clocks agree'],
    [
      'ahead',
      4_490,
      "warning clock and witness: this host's wall clock is 4.0 s ahead of the witness's: votes do not care, logs and certificates do",
    ],
    [
      'behind',
      -5_510,
      "warning clock and witness: this host's wall clock is 6.0 s behind the witness's: votes do not care, logs and certificates do",
    ],
  ])('a wall clock that differs: %s', (_what, aheadMs, line) => {
    expect(judge({ reach: { ...reach, askedAtMs: at + aheadMs } })).toContain(line);
  });

  it('too far away for the interval: 2.1 round trips must fit', () => {
    const short = configOf(
      edit(PAIR, 'virtual_router_id = 33', 'virtual_router_id = 33\nadvertisement_interval = "100ms"'),
    );
    expect(judge({}, short)).toContain(
      'problem votes of the witness: take 21.0 ms (p99 48.0 ms): the interval of group edge, 100 ms, is too short for that',
    );
    const enough = configOf(
      edit(PAIR, 'virtual_router_id = 33', 'virtual_router_id = 33\nadvertisement_interval = "110ms"'),
    );
    expect(judge({}, enough).at(-1)).toMatch(/^ok /);
  });

  it('as a running agent sees it', () => {
    const asked: WitnessFacts = { ...facts, token: undefined, measured: undefined };
    const judgeRunning = (witness: Parameters<typeof running>[0]) =>
      told(judgeWitness(asked, config, running(witness)));
    expect(judgeRunning({}).at(-1)).toBe('ok votes of the witness: take 21.3 ms (p99 48.0 ms)');
    const gone = { state: 'unreachable', vote_ms_p50: null, vote_ms_p99: null } as const;
    expect(judgeRunning({ witness: gone }).at(-1)).toBe(
      "problem votes of the witness: the agent's link is unreachable",
    );
  });
});
