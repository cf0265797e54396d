import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { SupervisedThread } from '../../../agent/thread/index.ts';
import { recordedLog } from '../engine/recorded-log.ts';

const ECHO = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, workerData } from 'node:worker_threads';
    parentPort.on('message', (order) => {
      if (order === 'stop') parentPort.close();
      else parentPort.postMessage(workerData + ' ' + order);
    });
  `)}`,
);

it('that the system cannot start is tried again: nobody else ends with it', async () => {
  const { log, lines } = recordedLog();
  const heard: string[] = [];
  let starts = 0;
  const thread = new SupervisedThread<string, string>({
    name: 'the thread of the test',
    script: ECHO,
    data: () => {
      starts += 1;
      // A function cannot be handed to a thread: as any other failure of the constructor.
      return starts === 1 ? () => {} : `start ${starts}:`;
    },
    onMessage: (word) => heard.push(word),
    log,
  });
  thread.start();
  thread.post('lost');
  await vi.waitFor(() => expect(starts).toBe(2), 10_000);
  thread.post('first');
  await vi.waitFor(() => expect(heard).toEqual(['start 2: first']), 10_000);
  expect(lines().map(({ msg }) => msg)).toEqual([
    'the thread of the test cannot be started; it is tried again in 1000 ms',
  ]);
  expect(await thread.close('stop', 5_000)).toBe(true);
});

it('that is in a call to a dead file system is not waited for when it is closed, and named', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tiebreak-thread-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const { log, lines } = recordedLog();
  const heard: string[] = [];
  const thread = new SupervisedThread<string, string>({
    name: 'the thread of the test',
    script: new URL(
      `data:text/javascript,${encodeURIComponent(`
        import { openSync } from 'node:fs';
        import { parentPort, workerData } from 'node:worker_threads';
        parentPort.postMessage('begun');
        openSync(workerData, 'r');
      `)}`,
    ),
    data: () => fifo,
    onMessage: (word) => heard.push(word),
    log,
  });
  thread.start();
  await vi.waitFor(() => expect(heard).toEqual(['begun']), 10_000);
  expect(await thread.close('stop', 100)).toBe(false);
  expect(lines().map(({ msg }) => msg)).toEqual([expect.stringContaining('the thread of the test does not end')]);
  // A writer lets it go: the runner of the tests waits for its threads.
  writeFileSync(fifo, '');
});
