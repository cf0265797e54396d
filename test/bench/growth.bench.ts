/** How cost grows, see USAGE. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runLabCommand } from '../lab/command.ts';
import { formatTable } from '../lab/demo-display.ts';
import { machineFacts } from '../lab/machine.ts';
import { ofRuns } from './figures.ts';
import { growAgents } from './growth/agents.ts';
import { growClusters } from './growth/clusters.ts';
import { type Growth, type Series, slopeOf } from './growth/growth.ts';
import { plot } from './growth/plot.ts';
import { growRouters } from './growth/routers.ts';
import { useInstalled } from './installed.ts';

const USAGE = `Usage: npm run bench:growth -- [--only routers|agents|clusters] [--most N]

How cost grows with the virtual routers of a host (with keepalived beside), the agents of a group, the clusters of a witness.
About 30 minutes. Prints the figures and draws them: docs/growth/*.svg.

  --only WHAT  one of the three
  --most N     no size above N
  --help       this text

Exit status: 0 measured, 1 some size could not be, 2 wrong usage or something is missing.`;

const FOLDER = new URL('../../docs/growth/', import.meta.url);

type Grower = {
  readonly sizes: readonly number[];
  readonly grow: (sizes: readonly number[], doing: (text: string) => void) => Promise<Growth>;
};

const GROWERS: Readonly<Record<string, Grower>> = {
  routers: { sizes: [1, 50, 100, 250, 500, 1_000], grow: growRouters },
  agents: { sizes: [2, 3, 4, 5], grow: growAgents },
  clusters: { sizes: [1, 100, 1_000, 3_000, 10_000], grow: growClusters },
};

type Options = { readonly growers: readonly (readonly [string, Grower])[] };

process.exitCode = await runLabCommand<Options>({
  name: 'benchmark',
  script: 'npm run bench:growth',
  usage: USAGE,
  readOptions,
  tools: () => ['keepalived'],
  run: async ({ growers }) => {
    await useInstalled();
    console.log(`${await machineFacts()}\n${new Date().toISOString().slice(0, 10)}`);
    let failed = 0;
    for (const [name, { sizes, grow }] of growers) {
      const growth = await grow(sizes, (text) => console.error(text));
      failed += growth.failed.length;
      show(name, growth);
    }
    return failed === 0 ? 0 : 1;
  },
});

function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: { only: { type: 'string' }, most: { type: 'string' }, help: { type: 'boolean', default: false } },
  });
  if (values.help) return undefined;
  const { only } = values;
  if (only !== undefined && GROWERS[only] === undefined) {
    throw new Error(`--only is ${Object.keys(GROWERS).join(', ')}, not '${only}'`);
  }
  const most = values.most === undefined ? Number.POSITIVE_INFINITY : Number(values.most);
  if (!(most >= 2)) throw new Error(`--most is a number from 2, not '${values.most}'`);
  const growers = Object.entries(GROWERS)
    .filter(([name]) => only === undefined || name === only)
    .map(([name, { sizes, grow }]) => [name, { sizes: sizes.filter((size) => size <= most), grow }] as const);
  return { growers };
}

function show(name: string, growth: Growth): void {
  const sizes = [...new Set(growth.series.flatMap(({ points }) => points.map(({ size }) => size)))];
  const rows = growth.series.map((series) => [
    `${series.name} (${series.unit})`,
    ...sizes.map((size) => cell(series, size)),
    slopeOf(series)?.toPrecision(3) ?? '-',
  ]);
  const heading = [growth.sizes, ...sizes.map(String), 'slope'];
  console.log(`\n${formatTable([heading, ...rows])}`);
  for (const why of growth.failed) console.log(`could not be measured, ${why}`);
  mkdirSync(FOLDER, { recursive: true });
  const units = [...new Set(growth.series.map(({ unit }) => unit))];
  for (const [index, unit] of units.entries()) {
    const drawn = growth.series.filter((series) => series.unit === unit);
    writeFileSync(new URL(`${name}-${index + 1}.svg`, FOLDER), plot(growth.title, growth.sizes, drawn));
  }
}

function cell({ points }: Series, size: number): string {
  const point = points.find((each) => each.size === size);
  return point === undefined ? '-' : ofRuns(point.values, 2);
}
