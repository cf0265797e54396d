import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { command } from '../command.ts';

const Versions = z.object({ version: z.string(), dependencies: z.record(z.string(), z.string()).optional() });

/**
 * The package.json of a bundle: what is not in it is installed beside it. raw-socket comes in the tarball, with a nan that Node 24
 * takes: the one that it names itself does not compile there, and what a package overrides counts only at the top.
 */
export async function npmManifest(top: string, version: string): Promise<Readonly<Record<string, unknown>>> {
  const installed = async (name: string) =>
    Versions.parse(JSON.parse(await readFile(join(top, 'node_modules', name, 'package.json'), 'utf8'))).version;
  return {
    name: 'tiebreak',
    version,
    description: 'One virtual IP, exactly one owner: VRRP on Linux with a witness at the edge that breaks the tie',
    license: 'Apache-2.0',
    type: 'module',
    bin: { tiebreak: 'lib/tiebreak.js' },
    os: ['linux'],
    engines: { node: '>=24' },
    dependencies: {
      koffi: await installed('koffi'),
      'raw-socket': await installed('raw-socket'),
      workerd: await installed('workerd'),
      wrangler: await installed('wrangler'),
    },
    bundleDependencies: ['raw-socket'],
  };
}

export type NpmOptions = {
  readonly top: string;
  /** As the bundle leaves it. */
  readonly bundled: string;
  readonly scratch: string;
  readonly out: string;
};

/** `npm pack` of a bundle; the name of the file. */
export async function npmPackage({ top, bundled, scratch, out }: NpmOptions): Promise<string> {
  const folder = join(scratch, 'npm');
  await cp(bundled, folder, { recursive: true });
  await cp(join(top, 'LICENSE'), join(folder, 'LICENSE'));
  await cp(join(import.meta.dirname, 'README.md'), join(folder, 'README.md'));
  await copyRawSocket(top, join(folder, 'node_modules/raw-socket'));
  await mkdir(out, { recursive: true });
  const said = await command('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', out], folder);
  const [{ filename }] = z.tuple([z.object({ filename: z.string() })]).parse(JSON.parse(said));
  return join(out, filename);
}

async function copyRawSocket(top: string, into: string): Promise<void> {
  const from = join(top, 'node_modules');
  await cp(join(from, 'raw-socket'), into, {
    recursive: true,
    filter: (path) => !/\/raw-socket\/(?:build|example)$/.test(path),
  });
  await cp(join(from, 'nan'), join(into, 'node_modules/nan'), { recursive: true });
  const nan = Versions.parse(JSON.parse(await readFile(join(from, 'nan/package.json'), 'utf8'))).version;
  const file = join(into, 'package.json');
  const manifest = z.record(z.string(), z.unknown()).parse(JSON.parse(await readFile(file, 'utf8')));
  await writeFile(file, `${JSON.stringify({ ...manifest, dependencies: { nan } }, null, 2)}\n`);
}
