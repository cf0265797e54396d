import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { ProcessWatch } from '../../../agent/metrics/index.ts';

test('a process, by the second look with the lag of its event loop since the first', async () => {
  const watch = new ProcessWatch();
  onTestFinished(() => watch.close());
  const first = watch.read();
  expect(first.eventLoopLag).toBeUndefined();
  expect(first.residentBytes).toBeGreaterThan(1_000_000);
  expect(first.openFileDescriptors).toBeGreaterThan(2);
  expect(Math.abs(first.startTimeSeconds - Date.now() / 1000)).toBeLessThan(3_600);
  // Several looks, and then 100 ms in which nobody else gets a turn.
  await delay(100);
  const until = performance.now() + 100;
  while (performance.now() < until);
  await delay(50);
  const second = watch.read();
  expect(second.cpuSeconds).toBeGreaterThan(first.cpuSeconds);
  expect(second.eventLoopLag?.maxSeconds).toBeGreaterThan(0.05);
  expect(second.eventLoopLag?.p99Seconds).toBeLessThanOrEqual((second.eventLoopLag?.maxSeconds ?? 0) + 0.001);
});

test('nothing keeps a process alive that was looked at', async () => {
  const { execFile } = await import('node:child_process');
  const { promisify } = await import('node:util');
  const source = new URL('../../../agent/metrics/index.ts', import.meta.url);
  const script = `const { ProcessWatch } = await import(${JSON.stringify(source.href)}); new ProcessWatch().read(); console.log('looked');`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    timeout: 30_000,
  });
  expect(stdout).toBe('looked\n');
});
