/** An engine as far as its notifications go; the test kills it. The command, state_dir and timeout are on the command line. */
import { GROUP_STATES } from '../../../agent/config/types.ts';
import { createLogger } from '../../../agent/log/index.ts';
import { Notifier } from '../../../agent/notify/index.ts';
import { OwnershipBoard } from '../../../agent/ownership/index.ts';
import { change } from './changes.ts';

const [program = '', stateDir = '', timeoutMs = ''] = process.argv.slice(2);
const notifier = new Notifier({
  receivers: [
    {
      key: 'k',
      group: 'edge',
      groupId: 1,
      states: GROUP_STATES,
      timeoutMs: Number(timeoutMs),
      target: { kind: 'command', program, arguments: ['edge'], keepalivedArguments: true },
    },
  ],
  stateDir,
  ownership: new OwnershipBoard(1).buffer,
  log: createLogger('silent'),
});
notifier.start();
notifier.changed(change(1, 'fault'));
