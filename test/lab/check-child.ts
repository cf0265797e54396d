import pino from 'pino';
import { Checker } from '../../agent/checks/index.ts';
import { loadConfig } from '../../agent/config/index.ts';

/**
 * Runs the checks of a configuration, given on the command line, in the namespace that it was started in; one JSON report a
 * line on standard output.
 */
const loaded = loadConfig(process.argv[2] ?? '', 'lab.toml');
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const checker = new Checker({
  tasks: loaded.config.groups.flatMap(({ name, checks }) =>
    checks.flatMap((check) => (check.kind === 'push' ? [] : [{ group: name, check }])),
  ),
  onReport: ({ check, said }) => void process.stdout.write(`${JSON.stringify({ check, ...said })}\n`),
  log: pino({}, pino.destination(2)),
});
checker.start();
process.stdin.once('end', () => void checker.close()).resume();
