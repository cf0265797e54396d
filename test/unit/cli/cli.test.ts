import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Outcome, startApi } from '../../../agent/api/index.ts';
import { operationsOf, SOURCES } from '../api/sources.ts';
import { WELL } from '../api/status-example.ts';
import { edit, PAIR } from '../config/example.ts';
import { BIN, tiebreak } from './command.ts';

// Each test starts a process, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tb-cli-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function put(name: string, content: string, mode = 0o600): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

describe('the bin', () => {
  it('is executable, and what the package names', () => {
    expect(statSync(BIN).mode & 0o111).toBe(0o111);
    expect(readFileSync(BIN, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    const packageFile = new URL('../../../agent/package.json', import.meta.url);
    const { bin, version } = JSON.parse(readFileSync(packageFile, 'utf8'));
    expect(BIN.endsWith(`/agent/${bin.tiebreak}`)).toBe(true);
    expect(version).toBe('0.1.0');
  });

  it('tells its version and its commands', async () => {
    expect(await tiebreak('--version')).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
    const help = await tiebreak('--help');
    expect(help.code).toBe(0);
    for (const command of ['run', 'check', 'status']) expect(help.stdout).toContain(`\n  ${command} `);
  });

  it.each([
    ['an unknown command', ['hand-over'], "unknown command 'hand-over'"],
    ['an unknown option', ['status', '--jsn'], "unknown option '--jsn'"],
    ['a missing option', ['check'], "required option '-c, --config <file>' not specified"],
    ['two sources', ['status', '--api', 'http://x', '--config', 'y'], 'cannot be used with'],
    ['a log level that does not exist', ['run', '--config', 'x', '--log-level', 'loud'], 'Allowed choices are'],
    ['no command', [], 'Usage: tiebreak'],
  ])('ends with 2 and says how to use it: %s', async (_what, args, message) => {
    const outcome = await tiebreak(...args);
    expect(outcome.code).toBe(2);
    expect(outcome.stdout).toBe('');
    expect(outcome.stderr).toContain(message);
    expect(outcome.stderr).toContain('Usage: tiebreak');
  });
});

describe('check', () => {
  it.each(['a', 'b'])('accepts docs/examples/%s.toml', async (node) => {
    const file = fileURLToPath(new URL(`../../../docs/examples/${node}.toml`, import.meta.url));
    const outcome = await tiebreak('check', '--config', file);
    expect(outcome.code).toBe(0);
    expect(outcome.stdout).toMatch(new RegExp(`^node +${node}\n`));
  });

  it('warns of commands that the agent will refuse to run', async () => {
    const program = put('probe', '#!/bin/sh\n', 0o777);
    const checks = [
      `name = "open"\ncommand = ["${program}"]`,
      'name = "user"\ncommand = ["/bin/sh"]\nuser = "no-such-user"',
      'name = "sound"\ncommand = ["/bin/sh"]',
    ];
    const text = `${PAIR}${checks.map((check) => `[[group.check]]\n${check}\n`).join('')}`;
    const { code, stderr } = await tiebreak('check', '--config', put('edge.toml', text));
    expect(code).toBe(0);
    expect(stderr).toContain(
      `warning: group edge, check open: ${program}: everyone may write to ${program} (mode 0777): chmod o-w ${program}; 'tiebreak run' will refuse it`,
    );
    expect(stderr).toContain('warning: group edge, check user: this host has no user no-such-user');
    expect(stderr).not.toContain('check sound');
  });

  it('sums up what will be', async () => {
    const key = put('edge.key', `1 ${'01'.repeat(31)}02\n`);
    const token = put('witness.token', `tbn1.${'01'.repeat(16)}.${'02'.repeat(32)}\n`);
    const text = edit(edit(PAIR, '/etc/tiebreak/edge.key', key), '/etc/tiebreak/witness.token', token);
    expect(await tiebreak('check', '--config', put('edge.toml', text))).toEqual({
      code: 0,
      stderr: '',
      stdout: `node     a
witness  https://witness.example.com, cluster branch-7
api      127.0.0.1:9112, /run/tiebreak/api.sock

group edge
  mode          lease
  policy        bias: as safe, but if the link is cut while the witness is away, the owner stays for up to 45s
  votes         2 of 3 needed: a, b, the witness
  peer b        192.0.2.2
  eth0 vrid 33  192.0.2.100/24; VRRP version 3, priority 100
  timing        interval 250ms, promise 625ms, down time 902.3ms
`,
    });
  });

  it('names the floating IPs, and warns of a token that this host does not have', async () => {
    const key = put('edge.key', `1 ${'01'.repeat(31)}02\n`);
    const token = put('witness.token', `tbn1.${'01'.repeat(16)}.${'02'.repeat(32)}\n`);
    const text = edit(edit(PAIR, '/etc/tiebreak/edge.key', key), '/etc/tiebreak/witness.token', token);
    const missing = join(directory, 'do.token');
    const table = `provider = "digitalocean"\naddress = "203.0.113.10"\ntoken_file = "${missing}"`;
    const file = put('edge.toml', `${text}\n[[group.floating_ip]]\n${table}\n`);
    const outcome = await tiebreak('check', '--config', file);
    expect(outcome.code).toBe(0);
    expect(outcome.stdout).toContain('  floating ip   203.0.113.10, at digitalocean\n');
    expect(outcome.stderr).toBe(`warning: ${missing}: there is no such file; 'tiebreak run' will need it\n`);
  });

  it('ends with 2 and shows every problem at its place', async () => {
    const file = put(
      'edge.toml',
      edit(edit(PAIR, 'virtual_router_id = 33', 'virtual_router_id = 0'), 'node = "b"', 'node = "a"'),
    );
    const outcome = await tiebreak('check', '--config', file);
    expect(outcome.code).toBe(2);
    expect(outcome.stdout).toBe('');
    expect(outcome.stderr).toBe(
      `${file}:11:19  group[0].peers[0].node: is this node itself; peers are the other nodes\n` +
        `${file}:15:21  group[0].virtual_router[0].virtual_router_id: must be a whole number from 1 to 255\n` +
        `tiebreak: ${file} has 2 problems\n`,
    );
  });

  it('ends with 2 when there is no file, or no text in it', async () => {
    const missing = join(directory, 'none.toml');
    expect(await tiebreak('check', '--config', missing)).toEqual({
      code: 2,
      stdout: '',
      stderr: `tiebreak: ${missing}: there is no such file\n`,
    });
    const binary = join(directory, 'binary.toml');
    writeFileSync(binary, Buffer.from([0x61, 0xff, 0xfe]));
    expect(await tiebreak('check', '--config', binary)).toMatchObject({
      code: 2,
      stderr: `tiebreak: ${binary}: is not UTF-8 text\n`,
    });
  });

  it('ends with 2 when a key file that is there is wrong; one that is not there is a warning', async () => {
    const key = put('edge.key', '1 abcd\n');
    const outcome = await tiebreak('check', '-c', put('edge.toml', edit(PAIR, '/etc/tiebreak/edge.key', key)));
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain(`${key}:1: the key has 4 hex digits and needs 64 (32 bytes)\n`);
    expect(outcome.stderr).toContain('warning: /etc/tiebreak/witness.token: there is no such file');
  });
});

describe('run', () => {
  it('ends with 2 on a wrong configuration, and on a missing key', async () => {
    expect(await tiebreak('run', '--config', put('bad.toml', 'node = 1'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('bad.toml:1:8  node: must be text in quotes'),
    });
    const file = put('edge.toml', PAIR.replaceAll('/etc/tiebreak', directory));
    expect(await tiebreak('run', '--config', file)).toEqual({
      code: 2,
      stdout: '',
      stderr: `${directory}/edge.key: there is no such file\n${directory}/witness.token: there is no such file\n`,
    });
  });
});

describe('status', () => {
  it('asks the agent of the configuration, or the one at a URL', async () => {
    const api = await startApi({
      listen: { host: '127.0.0.1', port: 0 },
      runDir: directory,
      token: () => null,
      ...SOURCES,
    });
    if (!api.ok) throw new Error(api.error);
    try {
      const file = put('edge.toml', `run_dir = "${directory}"\n${PAIR}`);
      const text = await tiebreak('status', '--config', file);
      expect(text).toMatchObject({ code: 0, stderr: '' });
      expect(text.stdout).toContain('\nedge  active for ');
      expect(text.stdout).not.toContain('\u001b');
      const json = await tiebreak('status', '--json', '--api', `http://127.0.0.1:${api.port}`);
      expect(json.code).toBe(0);
      expect(JSON.parse(json.stdout)).toEqual(WELL);
    } finally {
      await api.close();
    }
  });

  it('ends with 1 and says what to do when no agent answers', async () => {
    const file = put('edge.toml', `run_dir = "${directory}"\n${PAIR}`);
    expect(await tiebreak('status', '--config', file)).toEqual({
      code: 1,
      stdout: '',
      stderr: `tiebreak: no agent answers at ${directory}/api.sock; start one with: tiebreak run --config FILE\n`,
    });
  });

  it('ends with 2 when --api is no URL', async () => {
    expect(await tiebreak('status', '--api', '127.0.0.1:9112')).toMatchObject({
      code: 2,
      stderr: "tiebreak: --api must be a URL such as http://127.0.0.1:9112, not '127.0.0.1:9112'\n",
    });
  });
});

describe('what changes a running agent', () => {
  async function withAgent(outcome: Outcome, act: (file: string, asked: unknown[][]) => Promise<void>): Promise<void> {
    const asked: unknown[][] = [];
    const operations = operationsOf(outcome, asked);
    const listen = { host: '127.0.0.1', port: 0 };
    const api = await startApi({ listen, runDir: directory, token: () => null, ...SOURCES, operations });
    if (!api.ok) throw new Error(api.error);
    try {
      await act(put('edge.toml', `run_dir = "${directory}"\n${PAIR}`), asked);
    } finally {
      await api.close();
    }
  }
  const DONE: Outcome = { ok: true, detail: 'done' };

  it('maintenance on and off', async () => {
    await withAgent(DONE, async (file, asked) => {
      expect(await tiebreak('maintenance', 'on', '--config', file)).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
      await tiebreak('maintenance', 'off', '--config', file);
      expect(asked).toEqual([
        ['setMaintenance', true],
        ['setMaintenance', false],
      ]);
    });
    expect(await tiebreak('maintenance', 'perhaps')).toMatchObject({ code: 2, stdout: '' });
  });

  it('a refused handover ends with 1 and the reason', async () => {
    const refusal: Outcome = { ok: false, reason: 'refused', detail: 'b is not heard' };
    await withAgent(refusal, async (file, asked) => {
      const { code, stderr } = await tiebreak('handover', 'edge', '--to', 'b', '--config', file);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `tiebreak: the agent at ${directory}/api.sock says: b is not heard\n`,
      });
      expect(asked).toEqual([['handOver', 'edge', 'b']]);
    });
  });

  it('a forced takeover wants the name of the group typed once more', async () => {
    await withAgent(DONE, async (file, asked) => {
      const wrong = await tiebreak('takeover', 'edge', '--force', '--confirm', 'core', '--config', file);
      expect(wrong).toMatchObject({ code: 1, stdout: '' });
      expect(wrong.stderr).toContain("confirm must be the group's name, edge, not 'core'");
      expect(asked).toEqual([]);
      // Without a terminal nobody can be asked, and nothing is done.
      expect((await tiebreak('takeover', 'edge', '--force', '--config', file)).code).toBe(1);
      expect(asked).toEqual([]);
      const right = await tiebreak('takeover', 'edge', '--force', '--confirm', 'edge', '--config', file);
      expect(right).toMatchObject({ code: 0, stdout: 'done\n' });
      await tiebreak('join', 'edge', '--force', '--confirm', 'edge', '--config', file);
      expect(asked).toEqual([
        ['forceTakeover', 'edge'],
        ['forceJoin', 'edge'],
      ]);
    });
    expect((await tiebreak('takeover', 'edge')).code).toBe(2);
  });

  it('history tells what was decided, a line each', async () => {
    await withAgent(DONE, async (file) => {
      const told = await tiebreak('history', '--config', file);
      expect(told.stdout).toBe(
        '2026-11-01 03:12:00.000  edge: candidate -> active: a majority has voted for this node\n',
      );
      const none = await tiebreak('history', '--group', 'core', '--json', '--config', file);
      expect(JSON.parse(none.stdout)).toEqual([]);
    });
  });
});
