import type { Command } from 'commander';
import { registerBackup } from './backup.ts';
import { registerDeploy } from './deploy.ts';
import { registerEnroll } from './enroll.ts';
import { registerHolders } from './holder.ts';
import { registerRevoke } from './revoke.ts';
import { registerRotate } from './rotate.ts';
import { registerServe } from './serve.ts';
import { registerWebhooks } from './webhook.ts';

/** What an operator does with a witness. */
export function registerWitness(program: Command): void {
  const witness = program.command('witness').description('set up a witness, and administer it').helpCommand(false);
  registerDeploy(witness);
  registerEnroll(witness);
  registerRotate(witness);
  registerRevoke(witness);
  registerHolders(witness);
  registerWebhooks(witness);
  registerBackup(witness);
  registerServe(witness);
}
