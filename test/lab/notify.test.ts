import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HardeningLab, hardeningLab } from './hardening.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { waitFor } from './process.ts';
import { DEFAULT_SCENARIO, other } from './system.ts';
import { tiebreakAgentOf } from './tiebreak.ts';
import type { HostName } from './topology.ts';

// A command on each host writes down what it is told; another one never ends.

let folder: string;
let bench: HardeningLab;

beforeAll(async () => {
  requireTools(LAB_TOOLS);
  folder = mkdtempSync(join(tmpdir(), 'tb-lab-notify-'));
  program('told', `echo "$TIEBREAK_NODE $3 $4 $TIEBREAK_BALLOT $TIEBREAK_CAUSE" >> ${folder}/lines`);
  program('hangs', 'exec sleep 60');
  const checks = (): string => `
[[group.notify]]
command = ["${folder}/hangs"]
[[group.notify]]
command = ["${folder}/told"]
`;
  bench = await hardeningLab({ scenario: { ...DEFAULT_SCENARIO, checks } });
  await bench.lab.steady();
});
afterAll(async () => {
  await bench?.lab.close();
  rmSync(folder, { recursive: true, force: true });
});

function program(name: string, line: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${line}\n`);
  chmodSync(join(folder, name), 0o755);
}

type Told = { readonly node: string; readonly state: string; readonly ballot: number; readonly cause: string };

function told(): Told[] {
  const lines = readFileSync(join(folder, 'lines'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [node = '', state = '', , ballot = '', cause = ''] = line.split(' ');
    return { node, state, ballot: Number(ballot), cause };
  });
}

async function toldOf(node: HostName, state: string, count: number): Promise<Told[]> {
  return waitFor(`host ${node} has been told ${state} ${count} times`, 20_000, async () => {
    const found = told().filter((entry) => entry.node === node && entry.state === state);
    return found.length >= count ? found : undefined;
  });
}

test('each host is told what it is, in order, and every later owner has a higher ballot', async () => {
  const { lab, system } = bench;
  const owner = await lab.steady();
  const peer = other(owner);
  await toldOf(owner, 'MASTER', 1);
  await toldOf(peer, 'BACKUP', 1);
  const agent = tiebreakAgentOf(system, owner);

  expect(await agent.handOver()).toEqual({ taken: true });
  await toldOf(peer, 'MASTER', 1);
  await toldOf(owner, 'BACKUP', 2);

  // Back by a crash: the engine that comes after it says what has become of the host.
  process.kill(await tiebreakAgentOf(system, peer).enginePid(), 'SIGKILL');
  await toldOf(owner, 'MASTER', 2);
  await toldOf(peer, 'BACKUP', 2);
  await lab.steady();

  // The hanging command is one change behind all the time, and nobody else minds.
  await agent.terminate();
  const stops = await toldOf(owner, 'STOP', 1);
  expect(stops[0]?.cause).toBe('stop');
  await toldOf(peer, 'MASTER', 2);

  const states = (node: HostName): string[] => told().flatMap((entry) => (entry.node === node ? [entry.state] : []));
  expect(states(owner)).toEqual(['BACKUP', 'MASTER', 'BACKUP', 'MASTER', 'STOP']);
  expect(states(peer)).toEqual(['BACKUP', 'MASTER', 'BACKUP', 'MASTER']);
  const ballots = told().flatMap(({ state, ballot }) => (state === 'MASTER' ? [ballot] : []));
  expect(ballots).toEqual([...new Set(ballots)].toSorted((left, right) => left - right));
  expect(ballots).toHaveLength(4);

  await agent.start();
  await toldOf(owner, 'BACKUP', 3);
});
