import { createInterface } from 'node:readline';
import pino from 'pino';
import { Checker, type Task } from '../../agent/checks/index.ts';
import { loadConfig } from '../../agent/config/index.ts';

/**
 * Runs the checks of a configuration, given on the command line, in the namespace that it was started in; one JSON report a
 * line on standard output. Each line on standard input is another configuration, in JSON.
 */
const checker = new Checker({
  tasks: tasksOf(process.argv[2] ?? ''),
  onReport: ({ check, said }) => void process.stdout.write(`${JSON.stringify({ check, ...said })}\n`),
  log: pino({}, pino.destination(2)),
});
checker.start();
createInterface(process.stdin)
  .on('line', (line) => checker.change(tasksOf(JSON.parse(line))))
  .once('close', () => void checker.close());

function tasksOf(text: string): Task[] {
  const loaded = loadConfig(text, 'lab.toml');
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config.groups.flatMap(({ name, checks }) =>
    checks.flatMap((check) => (check.kind === 'push' ? [] : [{ group: name, check }])),
  );
}
