import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../agent/config/index.ts';
import { readKeepalived, translate } from '../../agent/import/index.ts';
import { LAB_TOOLS, requireTools } from '../lab/prerequisites.ts';
import { waitFor } from '../lab/process.ts';
import { NETWORK, Topology } from '../lab/topology.ts';

// What `tiebreak import` makes of a command line is what keepalived runs.

const COMMANDS = [
  `"PROGRAM 'a b' c"`,
  `'PROGRAM "a b" c'`,
  String.raw`"PROGRAM 'a b' c\\\"d"`,
  String.raw`"PROGRAM a\ b"`,
  String.raw`"PROGRAM a\\ b"`,
  `PROGRAM`,
  String.raw`PROGRAM\ x`,
  String.raw`"PROGRAM \x41\n\\x42 '' \\101"`,
  `"PROGRAM $HOME ; echo * #no"`,
  `PROGRAM" x"' y'`,
];

let folder: string;
let topology: Topology;
beforeAll(async () => {
  requireTools([...LAB_TOOLS, 'keepalived']);
  folder = mkdtempSync(join(tmpdir(), 'tb-words-'));
  topology = await Topology.create();
});
afterAll(() => {
  topology?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes its arguments down, each with a NUL behind it, and then that they are complete. */
function program(name: string): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    `#!/bin/sh\nfor word in "$@"; do printf '%s\\0' "$word"; done >${path}.part\nmv ${path}.part ${path}.words\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

function words(name: string): readonly string[] | undefined {
  try {
    return readFileSync(join(folder, `${name}.words`), 'utf8')
      .split('\0')
      .slice(0, -1);
  } catch {
    return undefined;
  }
}

test('a command line has the same words', async () => {
  const scripts = COMMANDS.map((command, index) => {
    const path = program(`p${index}`);
    return `vrrp_script s${index} {\nscript ${command.replace('PROGRAM', () => path)}\n}`;
  });
  const text = `global_defs {
  script_user root
}
${scripts.join('\n')}
vrrp_instance words {
  interface ${NETWORK.lanInterface}
  virtual_router_id 51
  virtual_ipaddress {
    ${NETWORK.virtualAddress}/24
  }
  track_script {
    ${COMMANDS.map((_, index) => `s${index}`).join('\n    ')}
  }
}
`;
  const file = join(folder, 'keepalived.conf');
  writeFileSync(file, text);
  const keepalived = topology.spawn('a', {
    command: 'keepalived',
    args: [
      ...['--dont-fork', '--log-console', '--vrrp', '--use-file', file],
      ...['--pid', join(folder, 'keepalived.pid'), '--vrrp_pid', join(folder, 'vrrp.pid')],
    ],
    logFile: join(folder, 'log'),
  });
  const run = await waitFor('keepalived has run every script', 20_000, async () => {
    const all = COMMANDS.map((_, index) => words(`p${index}`));
    return all.every((each) => each !== undefined) ? all : undefined;
  });
  await keepalived.stop(10_000);

  const read = readKeepalived({ file, text }, { configId: 'a', include: () => [] });
  const { toml = '', findings } = translate(read, { file, node: 'a', findProgram: () => undefined });
  expect(findings).toEqual([]);
  const loaded = loadConfig(toml, 'result.toml');
  const checks = loaded.ok ? (loaded.config.groups[0]?.checks ?? []) : [];
  expect(checks.map((check) => (check.kind === 'command' ? check.arguments : check.kind))).toEqual(run);
});
