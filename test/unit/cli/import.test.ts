import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { loadConfig } from '../../../agent/config/index.ts';
import { tiebreak } from './command.ts';

// Each test starts a process, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const INSTANCE = 'vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress { 192.0.2.100/24 }\n';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tb-import-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function put(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

it('writes what loads, with the files that are included, and nothing else', async () => {
  mkdirSync(join(directory, 'conf.d'));
  put('conf.d/b.conf', `${INSTANCE}@one priority 9\n@two priority 8\n}\n`);
  put('conf.d/a.conf', 'global_defs { vrrp_version 3 }\n');
  const file = put('keepalived.conf', 'include conf.d/*.conf\n');
  const { code, stdout, stderr } = await tiebreak('import', file, '--config-id', 'two', '--node', 'n1');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain(`priority = 8  # ${directory}/conf.d/b.conf:6\n`);
  expect(loadConfig(stdout, 'result.toml')).toMatchObject({
    ok: true,
    warnings: [],
    config: { node: 'n1', groups: [{ name: 'vi_1', virtualRouters: [{ version: 3, priority: 8 }] }] },
  });
});

it('ends with 1 and writes nothing if something is refused, until told to leave it out', async () => {
  const file = put('keepalived.conf', `${INSTANCE}state MASTER\ntrack_bfd { b }\n}\n`);
  const refused = await tiebreak('import', file);
  expect(refused.code).toBe(1);
  expect(refused.stdout).toBe('');
  expect(refused.stderr.split('\n')).toEqual([
    `${file}:5:  left out  'state MASTER': a router starts as Backup; the priority decides`,
    `${file}:6:  refused   'track_bfd': BFD is not spoken here; mode "lease" hears the other node by itself; write a [[group.check]] for what else must be reached`,
    `tiebreak: ${file}: 1 refused; change them first, or do without them: 'tiebreak import --leave-out'`,
    '',
  ]);
  const leftOut = await tiebreak('import', file, '--leave-out');
  expect(leftOut.code).toBe(0);
  expect(leftOut.stderr).toContain(`${file}:6:  refused `);
  expect(loadConfig(leftOut.stdout, 'result.toml')).toMatchObject({ ok: true });
});

it('ends with 2 if the file cannot be read, or the name is none', async () => {
  const missing = await tiebreak('import', join(directory, 'none'));
  expect(missing).toMatchObject({ code: 2, stdout: '' });
  const broken = await tiebreak('import', put('broken.conf', `${INSTANCE}`), '--leave-out');
  expect(broken).toMatchObject({ code: 2, stdout: '' });
  expect(broken.stderr).toContain("broken.conf:1:  broken  the block of 'vrrp_instance' is not closed");
  const name = await tiebreak('import', put('good.conf', `${INSTANCE}}`), '--node', 'A B');
  expect(name).toMatchObject({ code: 2, stdout: '' });
  expect(name.stderr).toContain("'A B' is no name of a node");
});
