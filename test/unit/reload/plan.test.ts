import { describe, expect, it } from 'vitest';
import type { Config, Secrets } from '../../../agent/config/index.ts';
import { type Plan, plan } from '../../../agent/reload/index.ts';
import { configOf, edit, PAIR, PLAIN } from '../config/example.ts';

const KEY = { id: 1, key: new Uint8Array(32).fill(1) };
const SECRETS: Secrets = {
  groupKeys: new Map([['edge', [KEY]]]),
  witness: { token: 'tbn1', witnessId: 'aa', secret: new Uint8Array(32) },
  apiToken: null,
  hmacKeys: new Map(),
  webhookSecrets: new Map(),
  floatingIpTokens: new Map(),
};

const GROUP = PAIR.slice(PAIR.indexOf('[[group]]'));
/** A second group that shares nothing with the first. */
const WEB = GROUP.replace('"edge"', '"web"').replace('= 33', '= 34').replace('192.0.2.100', '192.0.2.110');
const AVAILABLE = edit(PAIR, 'name = "edge"', 'name = "edge"\npolicy = "available"');
const OTHER_WITNESS = { witness: { token: 'tbn1', witnessId: 'bb', secret: new Uint8Array(32) } };
const FOLDERS = 'state_dir = "/state"\nrun_dir = "/run/other"\n';

function planned(before: string | Config, after: string, secrets: Partial<Secrets> = {}, taken: number[] = []): Plan {
  const from = typeof before === 'string' ? configOf(before) : before;
  return plan(
    { config: from, secrets: SECRETS },
    { config: configOf(after), secrets: { ...SECRETS, ...secrets } },
    new Set(taken),
  );
}

function applied(before: string | Config, after: string, secrets?: Partial<Secrets>, taken?: number[]) {
  const found = planned(before, after, secrets, taken);
  if (!found.ok) throw new Error(found.refused.map(({ where }) => where).join(', '));
  return found;
}

function refusedBy(before: string, after: string, secrets?: Partial<Secrets>): string[] {
  const found = planned(before, after, secrets);
  return found.ok ? [] : found.refused.map(({ where }) => where);
}

describe('a group', () => {
  it('that has not changed is the very object of before, whatever happens beside it', () => {
    const before = configOf(PAIR);
    const { config, added, changed, removed } = applied(before, `${PAIR}\n${WEB}`);
    expect(config.groups[0]).toBe(before.groups[0]);
    expect(added.map(({ name }) => name)).toEqual(['web']);
    expect([changed, removed]).toEqual([[], []]);
  });

  it('that has changed keeps its number, and so does one whose place in the file has', () => {
    const { config, changed } = applied(
      `${PAIR}\n${WEB}`,
      `${PAIR.replace(GROUP, WEB)}\n${edit(GROUP, '= 33', '= 33\npriority = 150')}`,
    );
    expect(config.groups.map(({ id, name }) => [name, id])).toEqual([
      ['web', 2],
      ['edge', 1],
    ]);
    expect(changed.map(({ to }) => to.name)).toEqual(['edge']);
  });

  it('that is new gets a number that nobody has, or had until now', () => {
    const { added, removed } = applied(PAIR, PAIR.replace(GROUP, WEB), {}, [2]);
    expect(added.map(({ id }) => id)).toEqual([3]);
    expect(removed.map(({ name }) => name)).toEqual(['edge']);
  });

  it.each([
    ['priority', 'virtual_router_id = 33', 'virtual_router_id = 33\npriority = 150'],
    ['interval', 'virtual_router_id = 33', 'virtual_router_id = 33\nadvertisement_interval = "1s"'],
    ['addresses', '["192.0.2.100/24"]', '["192.0.2.101/24"]'],
    ['peer addresses', '["192.0.2.2"]', '["192.0.2.2", "192.0.2.3"]'],
    ['key file', 'edge.key', 'other.key'],
    ['preemption', 'name = "edge"', 'name = "edge"\npreempt = true'],
    ['bias_promise', 'name = "edge"', 'name = "edge"\nbias_promise = "30s"'],
    ['a virtual router', 'virtual_router_id = 33', 'virtual_router_id = 35'],
    ['its accept', 'virtual_router_id = 33', 'virtual_router_id = 33\naccept = false'],
    ['its version', 'virtual_router_id = 33', 'virtual_router_id = 33\nversion = 2\nadvertisement_interval = "1s"'],
    ['a notify', 'name = "edge"', 'name = "edge"\nnotify = [{ command = ["/bin/true"] }]'],
    ['a check', 'name = "edge"', 'name = "edge"\ncheck = [{ name = "up", push = true }]'],
    ['ttl of a check', 'name = "edge"', 'name = "edge"\ncheck = [{ name = "up", push = true, ttl = "9s" }]'],
    ['min_ttl', 'virtual_router_id = 33', 'virtual_router_id = 33\nunicast = ["192.0.2.2"]\nmin_ttl = 64'],
    ['announce', 'virtual_router_id = 33', 'virtual_router_id = 33\nannounce = { refresh = "60s" }'],
    ['scope', '["192.0.2.100/24"]', '[{ address = "192.0.2.100/24", scope = "link" }]'],
    ['gateway', 'name = "edge"', 'name = "edge"\ngateway = true'],
    ['policy that needs a majority as well', 'name = "edge"', 'name = "edge"\npolicy = "safe"'],
  ])('goes over to another %s', (_what, from, to) => {
    expect(applied(PAIR, edit(PAIR, from, to)).changed).toMatchObject([{ mode: 'lease', to: { name: 'edge' } }]);
  });

  it('is as it was under another start_delay, which is for the next start', () => {
    const { config, changed } = applied(PAIR, `start_delay = "9s"\n${PAIR}`);
    expect(config.startDelayUs).toBe(9_000_000);
    expect(changed).toEqual([]);
  });

  it('has changed if the keys of its advertisements have', () => {
    const signed = edit(PAIR, '= 33', '= 33\nauth_hmac = { key_file = "/etc/tiebreak/vrrp.key" }');
    const other = { hmacKeys: new Map([['/etc/tiebreak/vrrp.key', [KEY] as const]]) };
    expect(applied(signed, signed).changed).toEqual([]);
    expect(applied(signed, signed, other).changed).toHaveLength(1);
  });
});

describe('the witness', () => {
  it('may be reached by another URL, which is no change of any group', () => {
    expect(applied(PAIR, edit(PAIR, 'https://witness', 'https://other')).changed).toEqual([]);
  });

  it.each([
    ['another one by its token', PAIR, OTHER_WITNESS],
    ['another one by its cluster', edit(PAIR, 'branch-7', 'branch-8'), {}],
  ])('is %s: a change of every group that it votes in', (_what, after, secrets) => {
    const second = `${after}\n${WEB}`;
    expect(applied(`${PAIR}\n${WEB}`, second, secrets).changed.map(({ to }) => to.name)).toEqual(['edge', 'web']);
    expect(applied(PLAIN, PLAIN, secrets).changed).toEqual([]);
  });
});

describe('refused, with every reason at once', () => {
  it.each([
    ['node', edit(PAIR, 'node = "a"', 'node = "c"'), ['node']],
    ['folders', `${FOLDERS}${PAIR}`, ['state_dir', 'run_dir']],
    ['listen', `${PAIR}\n[api]\nlisten = "127.0.0.1:9113"`, ['[api] listen']],
    ['policy "available"', AVAILABLE, ['group edge, policy']],
    ['peers', edit(PAIR, 'node = "b"', 'node = "c"'), ['group edge, peers']],
    ['the port', edit(PAIR, 'name = "edge"', 'name = "edge"\nsideband_port = 3000'), ['group edge, sideband_port']],
    [
      'virtual_mac',
      edit(PAIR, '= 33', '= 33\nvirtual_mac = true'),
      ['group edge, virtual router 33 on eth0, virtual_mac'],
    ],
    ['mode', PAIR.replace(GROUP, PLAIN.slice(PLAIN.indexOf('[[group]]'))), ['group edge, mode']],
  ])('%s', (_what, after, where) => {
    expect(refusedBy(PAIR, after)).toEqual(where);
  });

  it('another witness, or none, under policy "available": no majority stands between before and after', () => {
    expect(refusedBy(AVAILABLE, AVAILABLE, OTHER_WITNESS)).toEqual(['group edge, policy']);
    expect(refusedBy(AVAILABLE, AVAILABLE.replace(/\[witness\][^[]*/, ''))).toEqual(['group edge, policy']);
    expect(refusedBy(AVAILABLE, PAIR)).toEqual(['group edge, policy']);
  });

  it('what goes from one group to another, for two nodes could own it meanwhile', () => {
    const moved = `${edit(PAIR, '"192.0.2.100/24"', '"192.0.2.101/24"')}\n${edit(WEB, '192.0.2.110', '192.0.2.100')}`;
    expect(refusedBy(`${PAIR}\n${WEB}`, moved)).toEqual(['group web, 192.0.2.100']);
    expect(refusedBy(PAIR, PAIR.replace('"edge"', '"new"'))).toEqual([
      'group new, 192.0.2.100',
      'group new, virtual router 33 (ipv4) on eth0',
    ]);
  });

  it('in mode "vrrp" a virtual router that comes, and priority 255', () => {
    const second =
      '\n[[group.virtual_router]]\ninterface = "eth0"\nvirtual_router_id = 34\naddresses = ["192.0.2.101/24"]';
    expect(refusedBy(PLAIN, `${PLAIN}${second}`)).toEqual(['group edge, virtual_router']);
    expect(refusedBy(PLAIN, edit(PLAIN, '= 33', '= 33\npriority = 255'))).toEqual([
      'group edge, virtual router 33 on eth0, priority',
    ]);
    expect(applied(PLAIN, edit(PLAIN, '= 33', '= 33\npriority = 150')).changed).toMatchObject([{ mode: 'vrrp' }]);
  });

  it('with what to do for each', () => {
    const found = planned(PAIR, `${FOLDERS}${PAIR}`);
    expect(found).toMatchObject({ ok: false, refused: [{ advice: expect.stringContaining('restart') }, {}] });
  });
});
