import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { bundle } from './bundle/index.ts';
import { command } from './command.ts';
import { debianPackages } from './debian/index.ts';
import { npmManifest, npmPackage } from './npm/index.ts';

const TOP = join(import.meta.dirname, '..');
const USAGE = 'usage: ./dev package [--out FOLDER] [--version VERSION]\n';

/** The time of the newest commit, so that two builds of it are the same; without git, now. Seconds. */
async function sourceEpoch(): Promise<number> {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined) return Number(given);
  const committed = await command('git', ['log', '-1', '--format=%ct'], TOP).catch(() => undefined);
  return committed === undefined ? Math.floor(Date.now() / 1_000) : Number(committed);
}

async function buildPackages(out: string, version: string): Promise<string[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'tiebreak-package-'));
  try {
    const bundled = join(scratch, 'bundle');
    const manifest = await npmManifest(TOP, version);
    const modules = await bundle(TOP, bundled, manifest);
    const debian = { top: TOP, bundled, modules, scratch, out, version, epoch: await sourceEpoch() };
    return [...(await debianPackages(debian)), await npmPackage({ top: TOP, bundled, scratch, out })];
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  const own = z.object({ version: z.string() }).parse(JSON.parse(await readFile(join(TOP, 'package.json'), 'utf8')));
  let options: { out: string; version: string };
  try {
    options = parseArgs({
      options: {
        out: { type: 'string', default: join(TOP, 'dist') },
        version: { type: 'string', default: own.version },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return 2;
  }
  if (!/^\d+\.\d+\.\d+$/.test(options.version)) {
    process.stderr.write(`--version is MAJOR.MINOR.PATCH, not '${options.version}'\n${USAGE}`);
    return 2;
  }
  for (const file of await buildPackages(options.out, options.version)) {
    process.stdout.write(`${relative(process.cwd(), file)}\n`);
  }
  return 0;
}

process.exitCode = await main();
