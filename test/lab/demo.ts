import { parseArgs } from 'node:util';
import { runLabCommand, systemNamed } from './command.ts';
import { Display, formatMs, formatTable } from './demo-display.ts';
import { DEMO_ROWS, type DemoRow, faultsFound } from './demo-rows.ts';
import { Laboratory, type Trial } from './laboratory.ts';
import { ownNamespacesRefused, rerunInOwnNamespaces } from './own-namespaces.ts';
import { mayMakeNamespaces, withSudo } from './prerequisites.ts';
import { DEFAULT_SCENARIO, type System } from './system.ts';
import type { HostName } from './topology.ts';

const USAGE = `Usage: npm run demo -- [--system tiebreak|keepalived] [--json]

Two hosts, a client and a witness in network namespaces of this machine; breaks one thing after the other and shows
what the client sees. Needs no root where users may have namespaces of their own; leaves nothing behind. About a
minute after the hosts are ready.

  --system NAME  what runs on the hosts (tiebreak); keepalived shows the difference
  --json         the result as JSON on stdout, progress on stderr
  --help         this text

Exit status: 0 everything went as it must, 1 something did not, 2 wrong usage or something is missing.`;

type Options = { readonly system: System['name']; readonly json: boolean };

type RowResult = {
  readonly fault: string;
  readonly must_happen: string;
  readonly owner_before: HostName;
  readonly owner_after: string | null;
  /** null, here and below: the fault could not be injected or mended. */
  readonly client_lost_ms: number | null;
  readonly two_owners_ms: number | null;
  readonly moved: boolean | null;
  readonly problems: readonly string[];
};

process.exitCode = await runLabCommand({
  name: 'demo',
  script: 'npm run demo',
  usage: USAGE,
  readOptions,
  tools: ({ system }) => (system === 'keepalived' ? ['keepalived'] : []),
  insteadOf: withoutRoot,
  run: demonstrate,
});

function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      system: { type: 'string', default: 'tiebreak' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return values.help ? undefined : { system: systemNamed(values.system), json: values.json };
}

function withoutRoot(retry: string): Promise<number> | number | undefined {
  if (process.platform !== 'linux' || mayMakeNamespaces()) return undefined;
  const refused = ownNamespacesRefused();
  if (refused === undefined) return rerunInOwnNamespaces();
  console.error(`The demo needs network namespaces, and ${refused}. Type: ${withSudo(retry)}`);
  return 2;
}

async function demonstrate(options: Options): Promise<number> {
  const stream = options.json ? process.stderr : process.stdout;
  stream.write(
    `Two hosts with ${options.system} (a and b), a client${options.system === 'tiebreak' ? ', a witness' : ''}; ` +
      `advertisement interval ${DEFAULT_SCENARIO.advertisementIntervalMs} ms. The client asks every 2 ms who has the address.\n`,
  );
  const lab = await Laboratory.create(options.system);
  const display = new Display(stream, () => ownerInWords(lab.prober.answering(60)));
  try {
    const owner = await lab.steady(undefined, (waiting) => display.doing(`getting ready: ${waiting}`));
    display.say(`Ready: host ${owner} owns the address.`);
    const results: RowResult[] = [];
    for (const row of DEMO_ROWS) {
      const result = await runRow(lab, row, display);
      if (result !== undefined) results.push(result);
    }
    display.close();
    report(options, results);
    return results.every(({ problems }) => problems.length === 0) ? 0 : 1;
  } finally {
    display.close();
    await lab.close();
  }
}

async function runRow(lab: Laboratory, row: DemoRow, display: Display): Promise<RowResult | undefined> {
  display.doing(`next: ${row.title}`);
  const present = await lab.steady();
  if (row.fault(lab, present) === undefined) return undefined;
  try {
    const { owner, analysis } = await breakAndMend(lab, row, display);
    const problems = faultsFound(row.expectation, owner, analysis);
    display.say(
      `${problems.length === 0 ? 'good' : 'BAD '}  ${row.title}${problems.map((text) => `; ${text}`).join('')}`,
    );
    return {
      fault: row.title,
      must_happen: row.mustHappen,
      owner_before: owner,
      owner_after: analysis.after ?? null,
      client_lost_ms: analysis.client.lostMs,
      two_owners_ms: analysis.twoOwnersMs,
      moved: analysis.moved,
      problems,
    };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    display.say(`BAD   ${row.title}; ${problem}`);
    const unknown = { owner_after: null, client_lost_ms: null, two_owners_ms: null, moved: null };
    return { fault: row.title, must_happen: row.mustHappen, owner_before: present, ...unknown, problems: [problem] };
  }
}

function breakAndMend(lab: Laboratory, row: DemoRow, display: Display): Promise<Trial> {
  return lab.trial(
    (current) => {
      const fault = row.fault(lab, current);
      if (fault === undefined) throw new Error(`${row.title}: nothing to break`);
      display.doing(row.breaking(current));
      return {
        inject: fault.inject,
        heal: async () => {
          display.doing('mending it');
          await fault.heal();
        },
      };
    },
    { holdMs: row.holdMs, heal: row.heal },
  );
}

function report(options: Options, results: readonly RowResult[]): void {
  if (options.json) {
    console.log(JSON.stringify({ system: options.system, rows: results }, null, 2));
    return;
  }
  const heading = ['fault', 'what must happen', 'client lost (ms)', 'two owners (ms)', 'address moved?', 'good?'];
  const lines = results.map((row) => [
    row.fault,
    row.must_happen,
    row.client_lost_ms === null ? '-' : formatMs(row.client_lost_ms),
    row.two_owners_ms === null ? '-' : formatMs(row.two_owners_ms),
    movedInWords(row),
    row.problems.length === 0 ? 'yes' : 'NO',
  ]);
  console.log(`\n${formatTable([heading, ...lines])}`);
}

function ownerInWords(answering: readonly string[]): string {
  switch (answering.length) {
    case 0:
      return 'nobody answers';
    case 1:
      return `host ${answering[0]} answers`;
    default:
      return `TWO ANSWER: ${[...answering].sort().join(' and ')}`;
  }
}

function movedInWords({ moved, owner_before: before, owner_after: after }: RowResult): string {
  if (moved === null) return '-';
  if (after === null || after === before) return moved ? 'yes, and back' : 'no';
  return `yes, ${before} to ${after}`;
}
