import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { LAB_TOOLS, requireTools } from '../../lab/prerequisites.ts';
import { isStable, readReferences } from '../report/regression.ts';

const BENCH = fileURLToPath(new URL('../bench.ts', import.meta.url));
const TIMEOUT_MS = 400_000;

beforeAll(() => requireTools([...LAB_TOOLS, 'keepalived']));

test('there are ratios to judge', () => {
  const ratios = Object.values(readReferences()).flatMap((reference) => Object.values(reference.ratios));
  expect(ratios.filter(isStable).length).toBeGreaterThan(0);
});

// In a process of its own: what the tests' runner makes of the code is slower than the code.
test('everything can be measured, and no stable ratio is more than 30 % worse than its reference', {
  timeout: TIMEOUT_MS,
}, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BENCH, '--short'], { encoding: 'utf8' });
  console.info(stdout);
  expect(status, stdout + stderr).toBe(0);
});
