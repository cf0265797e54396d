/** Ends while a thread is in a call that never returns: the FIFO on the command line has no writer. Then how it is to end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { endAtOnce, endInOrder } from '../../../agent/cli/end-at-once.ts';

const script = "require('node:fs').openSync(require('node:worker_threads').workerData, 'r')";
const [fifo, how] = process.argv.slice(2);
const thread = new Worker(script, { eval: true, workerData: fifo });
thread.once('online', async () => {
  await sleep(200);
  if (how === 'at once') endAtOnce();
  await endInOrder(0);
});
