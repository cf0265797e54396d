import { connect } from 'node:net';
import { styleText } from 'node:util';
import type { Command } from 'commander';
import { apiSocketPath } from '../api/index.ts';
import { loadSecrets } from '../config/index.ts';
import type { AgentState, Finding } from '../doctor/index.ts';
import { readConfigFile } from './config-file.ts';
import { EXIT } from './exit-code.ts';
import { readStatus } from './status.ts';
import { alignColumns } from './table.ts';

type DoctorOptions = { readonly config: string; readonly json?: true };

const CONNECTED_WITHIN_MS = 1_000;
const PROGRESS_EVERY_MS = 500;

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at this host and at what surrounds it, and say what is wrong and what to do')
    .requiredOption('-c, --config <file>', 'the configuration')
    .option('--json', 'print the findings as JSON')
    .addHelpText(
      'after',
      '\nIt changes nothing, with an agent running or without. Exit codes: 1 if there is a problem.',
    )
    .action(async (options: DoctorOptions) => {
      process.exitCode = await doctor(options);
    });
}

async function doctor({ config: file, json }: DoctorOptions): Promise<number> {
  const read = readConfigFile(file);
  if (read === undefined) return EXIT.usage;
  const { config } = read;
  // Heavy, and of no use to any other command.
  const { examine, listeningMs } = await import('../doctor/index.ts');
  const agent = await askAgent(apiSocketPath(config.runDir));
  const endProgress = showProgress(listeningMs(config));
  const findings = await examine({ config, secrets: loadSecrets(config), agent });
  endProgress();
  const problems = count(findings, 'problem');
  if (json === true) {
    const report = { node: config.node, problems, warnings: count(findings, 'warning'), findings };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    process.stdout.write(renderFindings(findings, process.stdout.isTTY === true && process.stdout.hasColors()));
  }
  return problems === 0 ? EXIT.good : EXIT.failed;
}

/** A line for each finding, and one that counts what is wrong. */
export function renderFindings(findings: readonly Finding[], colour: boolean): string {
  const rows = findings.map((finding) => [paint(finding.level, colour), finding.topic, textOf(finding)]);
  return `${alignColumns(rows)}\n${summary(findings)}`;
}

function textOf(finding: Finding): string {
  return finding.level === 'ok' ? finding.found : `${finding.found}. Do: ${finding.remedy}`;
}

function paint(level: Finding['level'], colour: boolean): string {
  if (!colour) return level;
  const style = level === 'ok' ? 'green' : level === 'warning' ? 'yellow' : 'red';
  return styleText(style, level, { validateStream: false });
}

function summary(findings: readonly Finding[]): string {
  const told = [numbered(count(findings, 'problem'), 'problem'), numbered(count(findings, 'warning'), 'warning')];
  const text = told.filter((each) => each !== undefined).join(', ');
  return text === '' ? '' : `${text}\n`;
}

function numbered(number: number, word: string): string | undefined {
  return number === 0 ? undefined : `${number} ${word}${number === 1 ? '' : 's'}`;
}

function count(findings: readonly Finding[], level: Finding['level']): number {
  return findings.filter((finding) => finding.level === level).length;
}

/** No socket, or nobody behind it: no agent runs. */
async function askAgent(path: string): Promise<AgentState> {
  const code = await tryToConnect(path);
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return { kind: 'absent' };
  const read = await readStatus({ kind: 'socket', path });
  return read.ok ? { kind: 'running', status: read.status } : { kind: 'unclear', why: read.error };
}

/** The error's code; undefined: somebody listens, or nobody knows. */
function tryToConnect(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (code: string | undefined): void => {
      socket.destroy();
      resolve(code);
    };
    socket.setTimeout(CONNECTED_WITHIN_MS, () => end(undefined));
    socket.once('connect', () => end(undefined));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code));
  });
}

/** On a terminal, until the returned function is called. */
function showProgress(listeningMs: number): () => void {
  if (process.stderr.isTTY !== true) return () => {};
  const startedMs = performance.now();
  const show = (): void => {
    const leftS = Math.ceil((startedMs + listeningMs - performance.now()) / 1_000);
    const text = leftS > 0 ? `listening to the network for ${leftS} s more` : 'waiting for the witness';
    process.stderr.write(`\r\x1b[K${text}`);
  };
  show();
  const timer = setInterval(show, PROGRESS_EVERY_MS);
  return () => {
    clearInterval(timer);
    process.stderr.write('\r\x1b[K');
  };
}
