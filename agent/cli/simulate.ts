import { type Command, InvalidArgumentError } from 'commander';
import { hadTwoOwners, type Simulated, settingOf, simulate } from '../simulate/index.ts';
import { readConfigFile } from './config-file.ts';
import { EXIT } from './exit-code.ts';
import { simulatedAsJson } from './simulate-json.ts';
import { renderSimulated } from './simulate-text.ts';

type SimulateOptions = {
  readonly config: string;
  readonly group?: string;
  readonly witnessRtt: number;
  readonly longest?: number;
  readonly seed: number;
  readonly json: boolean;
};

type Answer =
  | { readonly kind: 'simulated'; readonly name: string; readonly simulated: Simulated }
  | { readonly kind: 'vrrp'; readonly name: string };

const WITNESS_RTT_MS = 20;
const WITNESS_RTT_MAX_MS = 10_000;
const LONGEST_MAX_MS = 3_600_000;
const SEED_MAX = 2 ** 31 - 1;
/** Nobody needs to be told of what is done at once. */
const QUIET_MS = 1_000;
const PROGRESS_EVERY_MS = 200;

const PLAIN_VRRP = `mode "vrrp" is plain VRRP, which has no votes and is not simulated.
  While the link between the routers is cut, in one direction or both, two of them own its addresses. It promises nothing
  beyond RFC 9568 (docs/fault-model.md); mode = "lease" has one owner then.`;

export function registerSimulate(program: Command): void {
  program
    .command('simulate')
    .description(
      'try a configuration against every fault in the simulator, before it is deployed: who owns then, and when nobody does',
    )
    .requiredOption('-c, --config <file>', 'the configuration; its peers are taken for configured alike')
    .option('-g, --group <name>', 'only that group')
    .option(
      '--witness-rtt <ms>',
      'how long a vote of the witness takes (vote_ms_p99 in status)',
      parseMs(WITNESS_RTT_MAX_MS),
      WITNESS_RTT_MS,
    )
    .option(
      '--longest <ms>',
      'say what to change where nobody owns for longer (1.1 down times, 1 s at most)',
      parseMs(LONGEST_MAX_MS),
    )
    .option('--seed <number>', 'another course of everything that is left to chance', parseSeed, 1)
    .option('--json', 'for machines', false)
    .addHelpText('after', '\nNothing is started and nothing is sent. Exit code 1: two nodes owned at once.')
    .action((options: SimulateOptions) => {
      process.exitCode = run(options);
    });
}

function run({ config: file, group: wanted, witnessRtt, longest, seed, json }: SimulateOptions): number {
  const read = readConfigFile(file);
  if (read === undefined) return EXIT.usage;
  const { config } = read;
  const groups = config.groups.filter(({ name }) => wanted === undefined || name === wanted);
  if (groups.length === 0) {
    const names = config.groups.map(({ name }) => name).join(', ');
    process.stderr.write(`tiebreak: ${file} has no group ${wanted}; it has ${names}\n`);
    return EXIT.usage;
  }
  const show = progressOf(groups.length);
  const answers = groups.map((group, index): Answer => {
    const { name } = group;
    if (group.mode === 'vrrp') return { kind: 'vrrp', name };
    const setting = settingOf(config, group, witnessRtt * 1000);
    const longestUs = longest === undefined ? undefined : longest * 1000;
    const progress = (share: number): void => show.share(index + share);
    return { kind: 'simulated', name, simulated: simulate(setting, { seed, longestUs, progress }) };
  });
  show.end();
  process.stdout.write(
    json ? renderJson(config.node, seed, answers) : answers.map((one) => renderText(one, seed)).join('\n'),
  );
  return answers.some(hasTwoOwners) ? EXIT.failed : EXIT.good;
}

function hasTwoOwners(answer: Answer): boolean {
  return answer.kind === 'simulated' && answer.simulated.results.some(hadTwoOwners);
}

function renderText(answer: Answer, seed: number): string {
  switch (answer.kind) {
    case 'simulated':
      return renderSimulated(answer.name, answer.simulated, seed);
    case 'vrrp':
      return `group ${answer.name}: ${PLAIN_VRRP}\n`;
  }
}

function renderJson(node: string, seed: number, answers: readonly Answer[]): string {
  const groups = answers.map(asJson);
  return `${JSON.stringify({ node, seed, groups }, undefined, 2)}\n`;
}

function asJson(answer: Answer): object {
  switch (answer.kind) {
    case 'simulated':
      return simulatedAsJson(answer.name, answer.simulated);
    case 'vrrp':
      return { name: answer.name, mode: 'vrrp', simulated: false };
  }
}

/** One line on a terminal that is written over, and gone in the end. */
function progressOf(groups: number): { readonly share: (done: number) => void; readonly end: () => void } {
  const { stderr } = process;
  const startMs = performance.now();
  let shownAtMs = startMs + QUIET_MS - PROGRESS_EVERY_MS;
  let shown = false;
  return {
    share: (done) => {
      const nowMs = performance.now();
      if (!stderr.isTTY || nowMs - shownAtMs < PROGRESS_EVERY_MS) return;
      shownAtMs = nowMs;
      shown = true;
      stderr.write(`\r\u001b[Ksimulating: ${Math.floor((100 * done) / groups)} %`);
    },
    end: () => {
      if (shown) stderr.write('\r\u001b[K');
    },
  };
}

function parseMs(most: number): (text: string) => number {
  return (text) => {
    const ms = Number(text);
    if (text.trim() !== '' && ms > 0 && ms <= most) return ms;
    throw new InvalidArgumentError(`It must be a number of milliseconds, above 0 and up to ${most}.`);
  };
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (/^\d+$/.test(text) && seed <= SEED_MAX) return seed;
  throw new InvalidArgumentError(`It must be a whole number, 0 to ${SEED_MAX}.`);
}
