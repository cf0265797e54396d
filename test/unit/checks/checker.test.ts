import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { Checker, type TaskReport } from '../../../agent/checks/checker.ts';
import { recordedLog } from '../engine/recorded-log.ts';
import { commandCheck } from './checked.ts';

let checker: Checker | undefined;
afterEach(() => checker?.close());

async function reportsOf(tasks: ConstructorParameters<typeof Checker>[0]['tasks'], count: number) {
  const reports: TaskReport[] = [];
  const { log } = recordedLog();
  await new Promise<void>((resolve) => {
    const onReport = (report: TaskReport): void => {
      reports.push(report);
      if (reports.length === count) resolve();
    };
    checker = new Checker({ tasks, onReport, log });
    checker.start();
  });
  return reports;
}

test('each check reports again and again for its group, whatever another one does', async () => {
  const hanging = { ...commandCheck('sleep 60', { timeoutMs: 60_000 }), name: 'hanging' };
  const reports = await reportsOf(
    [
      { group: 'edge', check: hanging },
      { group: 'edge', check: commandCheck('exit 0') },
      { group: 'core', check: commandCheck('exit 1') },
    ],
    6,
  );
  expect(reports.filter(({ group }) => group === 'edge').every(({ said }) => said.healthy)).toBe(true);
  expect(reports.filter(({ group }) => group === 'core').every(({ said }) => !said.healthy)).toBe(true);
  expect(new Set(reports.map(({ group }) => group))).toEqual(new Set(['edge', 'core']));
  const startedMs = performance.now();
  await checker?.close();
  // Commands under way do not hold up the agent's end.
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});

test('nothing is reported after the end', async () => {
  const reports = await reportsOf([{ group: 'edge', check: commandCheck('exit 0') }], 1);
  await checker?.close();
  const before = reports.length;
  await sleep(300);
  expect(reports).toHaveLength(before);
});

test('other tasks come and go, and what stays is not begun anew', async () => {
  const { log } = recordedLog();
  const counts = new Map<string, number>();
  const slow = { group: 'edge', check: { ...commandCheck('sleep 1'), name: 'slow' } };
  const named = (name: string) => ({ group: 'edge', check: { ...commandCheck('exit 0'), name } });
  const said = Promise.withResolvers<string>();
  checker = new Checker({
    tasks: [slow, named('goes')],
    onReport: ({ check, said: { healthy } }) => {
      counts.set(check, (counts.get(check) ?? 0) + 1);
      if (check === 'slow') said.resolve(`${healthy}`);
    },
    log,
  });
  checker.start();
  while (!counts.has('goes')) await sleep(20);
  checker.change([slow, named('comes')]);
  // Ended and begun anew it would have said nothing of its first look.
  expect(await said.promise).toBe('true');
  while (!counts.has('comes')) await sleep(20);
  const before = counts.get('goes');
  await sleep(500);
  expect(counts.get('goes')).toBe(before);
});
