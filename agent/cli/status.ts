import { type Command, Option } from 'commander';
import { apiSocketPath, Status } from '../api/index.ts';
import { readConfigFile } from './config-file.ts';
import { EXIT } from './exit-code.ts';
import { type ApiTarget, readApi } from './local-api.ts';
import { renderStatus } from './status-text.ts';

const DEFAULT_RUN_DIR = '/run/tiebreak';

type StatusOptions = { json?: true; config?: string; api?: string };

export function registerStatus(program: Command): void {
  program
    .command('status')
    .description('show who owns what, and how sure that is')
    .option('--json', 'print the status as the API gives it')
    .addOption(new Option('-c, --config <file>', "find the agent by its configuration's run_dir").conflicts('api'))
    .addOption(new Option('--api <url>', 'ask over TCP, as in http://127.0.0.1:9112'))
    .addHelpText('after', `\nWithout --config and --api it asks the agent at ${apiSocketPath(DEFAULT_RUN_DIR)}.`)
    .action(async (options: StatusOptions) => {
      process.exitCode = await status(options);
    });
}

async function status(options: StatusOptions): Promise<number> {
  const target = chooseTarget(options);
  if (target === undefined) return EXIT.usage;
  const answer = await readApi(target, '/v1/status');
  if (!answer.ok) return fail(answer.error);
  if (options.json === true) {
    process.stdout.write(`${answer.text.trimEnd()}\n`);
    return EXIT.good;
  }
  const parsed = Status.safeParse(parseJson(answer.text));
  if (!parsed.success) return fail('the answer is not a status that this version understands; try --json');
  const colour = process.stdout.isTTY === true && process.stdout.hasColors();
  process.stdout.write(renderStatus(parsed.data, { now: Date.now(), colour }));
  return EXIT.good;
}

function chooseTarget({ config, api }: StatusOptions): ApiTarget | undefined {
  if (api !== undefined) {
    if (URL.canParse(api) && /^https?:\/\//.test(api)) return { kind: 'url', url: api };
    process.stderr.write(`tiebreak: --api must be a URL such as http://127.0.0.1:9112, not '${api}'\n`);
    return undefined;
  }
  if (config === undefined) return { kind: 'socket', path: apiSocketPath(DEFAULT_RUN_DIR) };
  const read = readConfigFile(config);
  return read === undefined ? undefined : { kind: 'socket', path: apiSocketPath(read.config.runDir) };
}

function fail(message: string): number {
  process.stderr.write(`tiebreak: ${message}\n`);
  return EXIT.failed;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
