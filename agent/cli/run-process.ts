import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { endInOrder } from './end-at-once.ts';
import { EXIT } from './exit-code.ts';
import { guardianReport } from './guardian-report.ts';
import type { RunArguments } from './run-arguments.ts';

/** `run` is the guardian, a small process; its child, the engine, is the agent proper. Each loads what it needs itself. */
export async function runProcess(given: RunArguments): Promise<never> {
  // The log is written synchronously, and whatever may have been left open keeps no process that has done its work.
  if (given.command === 'run') process.exit(await runGuardian(given));
  return await endInOrder(await runEngineProcess(given));
}

async function runGuardian({ config, logLevel }: RunArguments): Promise<number> {
  process.title = 'tiebreak-guardian';
  // What has been rehearsed stays compiled, however long it is not needed.
  setFlagsFromString('--no-flush-bytecode');
  const { guard } = await import('../guardian/index.ts');
  return await guard({
    script: process.argv[1] ?? '',
    args: (crashes, inForce) => [
      ...['engine', '--config', config, '--log-level', logLevel, '--recent-crashes', String(crashes)],
      ...(inForce === null ? [] : ['--in-force', inForce]),
    ],
    report: guardianReport(logLevel),
    announce: async (...state) => {
      if (process.env.NOTIFY_SOCKET === undefined) return;
      const { openServiceManager } = await import('../service-manager/index.ts');
      const manager = openServiceManager(process.env, [process.pid]);
      if (typeof manager !== 'object') return;
      manager.notify(...state);
      manager.close();
    },
    onReady: flushCompileCache,
  });
}

async function runEngineProcess({ config, logLevel, recentCrashes, inForce }: RunArguments): Promise<number> {
  process.title = 'tiebreak-engine';
  const { runEngine } = await import('./engine.ts');
  return (await runEngine({ file: config, inForce, level: logLevel, recentCrashes })) ?? EXIT.failed;
}
