import type { Kind } from './plan.ts';
import { runSeed, type SeedOptions } from './run-seed.ts';
import { shrink } from './shrink.ts';

const LINES_MAX = 40;

/** How a seed fails, for a person to follow: the faults that it takes, the last moments, every vote, and how to see it again. */
export function tellFailure(seed: number, options: SeedOptions, shrunk = true): string {
  const onlyFaults = shrunk ? shrink(seed, options) : options.onlyFaults;
  const { kind, intervalUs, faults, timeline, violation, votes } = runSeed(seed, {
    ...options,
    onlyFaults,
    recorded: true,
  });
  const told = faults.filter(({ number }) => onlyFaults === undefined || onlyFaults.includes(number));
  const begun = told.filter(({ atUs }) => violation === undefined || atUs <= violation.atUs);
  const left = onlyFaults === undefined ? '' : ` (${begun.length} of ${faults.length} are enough)`;
  return [
    `seed ${seed}, ${kind}, interval ${intervalUs / 1000} ms`,
    `faults${left}:`,
    ...begun.map(({ text }) => text),
    'the last moments:',
    ...timeline.slice(-LINES_MAX),
    'the votes then:',
    ...votes.map((vote) => `  ${vote}`),
    violation?.message ?? 'not violated any more',
    `see it again: ${commandFor(seed, options.kind, options.intervalUs, onlyFaults)}`,
  ].join('\n');
}

export function commandFor(seed: number, kind?: Kind, intervalUs?: number, onlyFaults?: readonly number[]): string {
  const parts = [
    `npm run sim -- --from ${seed} --seeds 1`,
    ...(kind === undefined ? [] : [`--kind ${kind}`]),
    ...(intervalUs === undefined ? [] : [`--interval-ms ${intervalUs / 1000}`]),
    ...(onlyFaults === undefined ? [] : [`--only-faults ${onlyFaults.join(',') || 'none'}`]),
  ];
  return parts.join(' ');
}
