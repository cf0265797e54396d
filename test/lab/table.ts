import { parseArgs } from 'node:util';
import { runLabCommand } from './command.ts';
import { Display, formatTable } from './demo-display.ts';
import type { Laboratory } from './laboratory.ts';
import { machineFacts } from './machine.ts';
import { measureRows, type Progress } from './measure-rows.ts';
import { judge, type Outcome, outcomeInWords } from './table-outcome.ts';
import { TABLE_ROWS, TABLE_SCENARIO, type TableRow, targetInWords } from './table-rows.ts';

const USAGE = `Usage: npm run lab:table -- [--runs N] [--only TEXT]

Every fault of the fault model, with keepalived and with tiebreak, measured on the wire in one run. About 8 minutes.

  --runs N     how often each fault is injected (3); the table shows the median and the worst
  --only TEXT  only the rows whose title has TEXT in it
  --help       this text

Exit status: 0 every row is met, 1 one is not, 2 wrong usage or something is missing.`;

const HEADING = ['fault', 'keepalived', 'tiebreak', 'tiebreak must reach', 'met?'];
const NOT_TRIED: Outcome = { kind: 'failed', why: 'not tried' };

type Options = { readonly runs: number; readonly rows: readonly TableRow[] };

process.exitCode = await runLabCommand({
  name: 'table',
  script: 'npm run lab:table',
  usage: USAGE,
  readOptions,
  tools: () => ['keepalived'],
  run: makeTable,
});

function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs is a whole number from 1, not '${values.runs}'`);
  const rows = TABLE_ROWS.filter(({ title }) => title.includes(values.only));
  if (rows.length === 0) {
    throw new Error(`no row has '${values.only}' in its title: ${TABLE_ROWS.map(({ title }) => title).join('; ')}`);
  }
  return { runs, rows };
}

async function makeTable({ runs, rows }: Options): Promise<number> {
  let watched: Laboratory | undefined;
  const display = new Display(process.stderr, () => watched?.prober.answering(60).sort().join(' and ') || 'nobody');
  const progress: Progress = {
    doing: (text) => display.doing(text),
    watching: (lab) => {
      watched = lab;
    },
    failed: (row, why) => display.say(`${row.title}: ${why}`),
  };
  try {
    const facts = await machineFacts();
    const keepalived = await measureRows('keepalived', rows, runs, progress);
    const tiebreak = await measureRows('tiebreak', rows, runs, progress);
    display.close();
    const judged = rows.map((row) => judgeRow(row, keepalived.get(row), tiebreak.get(row)));
    const intervalMs = TABLE_SCENARIO.advertisementIntervalMs;
    console.log(`${facts}\nadvertisement interval ${intervalMs} ms; ${runs} run(s) a row, median (worst)\n`);
    console.log(formatTable([HEADING, ...judged.map(({ cells }) => cells)]));
    return judged.every(({ met }) => met) ? 0 : 1;
  } finally {
    display.close();
  }
}

function judgeRow(row: TableRow, keepalived: Outcome = NOT_TRIED, tiebreak: Outcome = NOT_TRIED) {
  const { met } = judge(row.target, tiebreak, keepalived);
  const word = met === undefined ? 'nothing to compare with' : met ? 'yes' : 'NO';
  const cells = [row.title, outcomeInWords(keepalived), outcomeInWords(tiebreak), targetInWords(row.target), word];
  return { cells, met: met === true };
}
