/** Ends at once while a thread is in a call that never returns: the FIFO on the command line has no writer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { endAtOnce } from '../../../agent/cli/end-at-once.ts';

const script = "require('node:fs').openSync(require('node:worker_threads').workerData, 'r')";
const thread = new Worker(script, { eval: true, workerData: process.argv[2] });
thread.once('online', async () => {
  await sleep(200);
  endAtOnce();
});
