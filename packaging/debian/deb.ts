import { createHash } from 'node:crypto';
import { chmod, glob, lstat, lutimes, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { command } from '../command.ts';

export type DebOptions = {
  readonly scratch: string;
  readonly out: string;
  readonly version: string;
  readonly epoch: number;
};

/** Whoever builds packages says so by these (debian/changelog, dch(1)). */
const MAINTAINER_NAME = process.env.DEBFULLNAME ?? 'tiebreak contributors';
const MAINTAINER_ADDRESS = process.env.DEBEMAIL ?? 'tiebreak@example.com';

/**
 * Makes a package of a tree that has everything but what is counted or computed: dependencies on libraries, sizes, checksums, the
 * Debian changelog. The name of the file.
 */
export async function buildDeb(tree: string, { scratch, out, version, epoch }: DebOptions): Promise<string> {
  const name = basename(tree);
  const maintainer = `${MAINTAINER_NAME} <${MAINTAINER_ADDRESS}>`;
  await writeChangelog(tree, { name, version, maintainer, epoch });
  const files = await filesOf(tree);
  const native = files.filter((file) => /\.node$|\/bin\/(?:node|workerd)$/.test(file)).map((file) => join(tree, file));
  await command('strip', ['--strip-unneeded', ...native]);
  const control = join(tree, 'DEBIAN/control');
  const template = await readFile(control, 'utf8');
  const architecture = (await command('dpkg', ['--print-architecture'])).trim();
  const sizes = await Promise.all(files.map(async (file) => (await lstat(join(tree, file))).size));
  const fields = [
    `Version: ${version}`,
    `Architecture: ${architecture}`,
    `Maintainer: ${maintainer}`,
    `Installed-Size: ${Math.ceil(sizes.reduce((sum, size) => sum + Math.ceil(size / 1024), 0))}`,
  ];
  const text = template
    .replace('@DEPENDS@', await libraries(native, join(scratch, `${name}-libraries`)))
    .replaceAll('@VERSION@', version)
    .replace('\n', `\n${fields.join('\n')}\n`);
  await writeFile(control, text);
  const sums = await Promise.all(files.map(async (file) => `${await md5(join(tree, file))}  ${file}\n`));
  await writeFile(join(tree, 'DEBIAN/md5sums'), sums.join(''));
  await settle(tree, epoch);
  await mkdir(out, { recursive: true });
  const deb = join(out, `${name}_${version}_${architecture}.deb`);
  // The first level: the others take fifteen times as long and save a sixth.
  await command('dpkg-deb', ['-Zxz', '-z1', '--root-owner-group', '--build', tree, deb]);
  return deb;
}

type Changelog = { name: string; version: string; maintainer: string; epoch: number };

async function writeChangelog(tree: string, { name, version, maintainer, epoch }: Changelog): Promise<void> {
  const date = new Date(epoch * 1_000).toUTCString().replace('GMT', '+0000');
  const text = `${name} (${version}) unstable; urgency=medium\n\n  * See /usr/share/doc/tiebreak/NEWS.gz.\n\n -- ${maintainer}  ${date}\n`;
  const file = join(tree, 'usr/share/doc', name, 'changelog');
  await writeFile(file, text);
  await command('gzip', ['-9n', file]);
}

/** The packages of the libraries that the programs and native modules in it are linked with. */
async function libraries(native: readonly string[], folder: string): Promise<string> {
  await mkdir(join(folder, 'debian'), { recursive: true });
  await writeFile(join(folder, 'debian/control'), 'Source: tiebreak\n\nPackage: tiebreak\nArchitecture: any\n');
  const said = await command('dpkg-shlibdeps', ['-O', '--warnings=0', ...native.map((file) => `-e${file}`)], folder);
  const found = /^shlibs:Depends=(.+)$/m.exec(said)?.[1];
  if (found === undefined) throw new Error(`dpkg-shlibdeps found no dependencies of ${native.join(', ')}`);
  return found;
}

async function filesOf(tree: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of glob('**/*', { cwd: tree, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(tree.length + 1);
    if (entry.isFile() && !path.startsWith('DEBIAN/')) files.push(path);
  }
  return files.sort();
}

/** The same modes and times whoever builds, with whatever umask: two builds of one source are one package. */
async function settle(tree: string, epoch: number): Promise<void> {
  for await (const entry of glob('**/*', { cwd: tree, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode } = await lstat(path);
    if (entry.isFile()) await chmod(path, isProgram(path, mode) ? 0o755 : 0o644);
    else if (!/\/etc\/tiebreak[a-z-]*$/.test(path)) await chmod(path, 0o755);
    await lutimes(path, epoch, epoch);
  }
  await chmod(tree, 0o755);
  await lutimes(tree, epoch, epoch);
}

/** Modules are loaded, whatever they were installed as. */
function isProgram(path: string, mode: number): boolean {
  return (mode & 0o100) !== 0 && !/\.(?:js|node)$/.test(path);
}

async function md5(file: string): Promise<string> {
  return createHash('md5')
    .update(await readFile(file))
    .digest('hex');
}
