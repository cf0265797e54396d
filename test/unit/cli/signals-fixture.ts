import { pino } from 'pino';
import { catchSignals } from '../../../agent/cli/signals.ts';

// An agent that takes a while to start, and never ends stopping if its argument says so.
const [, , startMs = '0', stops = 'stops'] = process.argv;
const signals = catchSignals(pino(pino.destination({ dest: 2, sync: true })));
process.stdout.write('ready\n');
setTimeout(() => {
  signals.onFirst(async (signal) => {
    process.stdout.write(`stop ${signal}\n`);
    if (stops === 'stops') process.exit(0);
    if (stops === 'fails') throw new Error('the kernel did not answer');
  });
}, Number(startMs));
setInterval(() => {}, 1_000);
