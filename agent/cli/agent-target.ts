import { type Command, Option } from 'commander';
import { apiSocketPath } from '../api/index.ts';
import { readConfigFile } from './config-file.ts';
import type { ApiTarget } from './local-api.ts';

const DEFAULT_RUN_DIR = '/run/tiebreak';

export type TargetOptions = { readonly config?: string; readonly api?: string };

/** How every command that speaks to a running agent finds it: by its Unix socket. */
export function withTarget(command: Command): Command {
  return command
    .addOption(new Option('-c, --config <file>', "find the agent by its configuration's run_dir"))
    .addHelpText('after', `\nWithout --config it asks the agent at ${apiSocketPath(DEFAULT_RUN_DIR)}.`);
}

/** The same for commands that only read: they may ask over TCP. */
export function withReadTarget(command: Command): Command {
  return command
    .addOption(new Option('-c, --config <file>', "find the agent by its configuration's run_dir").conflicts('api'))
    .addOption(new Option('--api <url>', 'ask over TCP, as in http://127.0.0.1:9112'))
    .addHelpText('after', `\nWithout --config and --api it asks the agent at ${apiSocketPath(DEFAULT_RUN_DIR)}.`);
}

/** Where the agent is; or undefined, after stderr has been told what is wrong. */
export function chooseTarget({ config, api }: TargetOptions): ApiTarget | undefined {
  if (api !== undefined) {
    if (URL.canParse(api) && /^https?:\/\//.test(api)) return { kind: 'url', url: api };
    process.stderr.write(`tiebreak: --api must be a URL such as http://127.0.0.1:9112, not '${api}'\n`);
    return undefined;
  }
  if (config === undefined) return { kind: 'socket', path: apiSocketPath(DEFAULT_RUN_DIR) };
  const read = readConfigFile(config);
  return read === undefined ? undefined : { kind: 'socket', path: apiSocketPath(read.config.runDir) };
}
