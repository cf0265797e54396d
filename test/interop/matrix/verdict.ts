import { type Cell, leftOut } from './cells.ts';

/** What is looked at in every cell, in this order. */
export const STEPS = ['apart', 'together', 'heard', 'stopped', 'returned', 'heard again', 'wire'] as const;
export type Step = (typeof STEPS)[number];

/** What was wrong, by step; a step that is missing was as it should be. */
export type Verdict = { readonly cell: Cell; readonly wrong: ReadonlyMap<Step, string>; readonly logs: string };

export function isGreen({ wrong }: Verdict): boolean {
  return wrong.size === 0;
}

/** Everything about a cell but what was seen. */
function wordsOf(cell: Cell): string[] {
  const { peer, version, family, transport, authentication, mac, preempt, priorities, stronger } = cell;
  const decides =
    priorities === 'equal' ? `equal, ${stronger === 'ours' ? 'our' : 'their'} address higher` : priorities;
  return [
    peer,
    `${version}`,
    `IPv${family}`,
    transport,
    authentication,
    mac,
    decides,
    preempt ? 'preempt' : 'nopreempt',
  ];
}

const HEADINGS = ['peer', 'v', 'family', 'transport', 'password', 'MAC', 'priorities', 'preemption', ...STEPS];

/** One line a cell, and what the rules leave out. */
export function table(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ cell, wrong }) => [
    ...wordsOf(cell),
    ...STEPS.map((step) => (wrong.has(step) ? 'NO' : 'yes')),
  ]);
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join(' | ')
      .trimEnd();
  const green = verdicts.filter(isGreen).length;
  const rules = leftOut().map(({ because, combinations }) => `${because} (${combinations} combinations)`);
  return [
    line(HEADINGS),
    widths.map((width) => '-'.repeat(width)).join('-|-'),
    ...rows.map(line),
    `${green} of ${verdicts.length} cells are as they should be. Left out: ${rules.join('; ')}.`,
  ].join('\n');
}

/** For a person who mends it. */
export function complaintOf({ cell, wrong, logs }: Verdict): string {
  const steps = [...wrong].map(([step, what]) => `  ${step}: ${what}`);
  return [wordsOf(cell).join(', '), ...steps, logs].join('\n');
}
