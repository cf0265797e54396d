import { Command, CommanderError } from 'commander';
import { agentVersion } from '../version.ts';
import { registerCheck } from './check.ts';
import { registerCompletion } from './completion/index.ts';
import { registerDoctor } from './doctor.ts';
import { EXIT } from './exit-code.ts';
import { registerHistory } from './history.ts';
import { registerImport } from './import.ts';
import { registerKeygen } from './keygen.ts';
import { registerOperations } from './operate.ts';
import { registerReload } from './reload.ts';
import { registerRun } from './run.ts';
import { registerSimulate } from './simulate.ts';
import { registerStatus } from './status.ts';
import { registerWatch } from './watch.ts';
import { registerWitness } from './witness/index.ts';

/** Every command, for people, for their shells and for the manual. */
export function createProgram(): Command {
  const program = new Command('tiebreak')
    .description('One virtual IP, exactly one owner: VRRP with a witness that breaks the tie')
    .version(agentVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText('after', '\nExit codes: 0 good, 1 the thing asked for failed, 2 wrong usage or configuration.')
    .showHelpAfterError()
    .exitOverride();

  registerRun(program);
  registerCheck(program);
  registerDoctor(program);
  registerStatus(program);
  registerWatch(program);
  registerHistory(program);
  registerOperations(program);
  registerReload(program);
  registerImport(program);
  registerKeygen(program);
  registerSimulate(program);
  registerWitness(program);
  registerCompletion(program);
  return program;
}

/** Runs the command that was typed; its outcome is in `process.exitCode`. */
export async function runProgram(): Promise<void> {
  const program = createProgram();
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander ends with 1 on wrong usage; help and version that were asked for end with 0.
    process.exitCode = error.exitCode === 0 ? EXIT.good : EXIT.usage;
  }
}
