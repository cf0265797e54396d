import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { command } from '../command.ts';
import { manualPages } from '../man/index.ts';
import { debianCopyright } from './copyright.ts';
import { buildDeb } from './deb.ts';
import { copyModules, NATIVE_MODULES, RUNTIME_MODULES } from './modules.ts';

export type DebianOptions = {
  readonly top: string;
  /** With `lib/`, `witness/` and `package.json`, as the bundle leaves them. */
  readonly bundled: string;
  /** Of the third-party modules in the bundle. */
  readonly modules: readonly string[];
  readonly scratch: string;
  readonly out: string;
  readonly version: string;
  /** Of everything in the packages; seconds. */
  readonly epoch: number;
};

/** Builds `tiebreak` and `tiebreak-witness` for this machine's architecture; the files' names. */
export async function debianPackages(options: DebianOptions): Promise<string[]> {
  return [await agentPackage(options), await witnessPackage(options)];
}

async function agentPackage(options: DebianOptions): Promise<string> {
  const { top, bundled, modules, version, epoch } = options;
  const tree = await newTree('tiebreak', options);
  const home = join(tree, 'usr/lib/tiebreak');
  await mkdir(join(home, 'bin'), { recursive: true });
  await cp(process.execPath, join(home, 'bin/node'));
  await cp(join(bundled, 'lib'), join(home, 'lib'), { recursive: true });
  await cp(join(bundled, 'package.json'), join(home, 'package.json'));
  const native = await copyModules(top, NATIVE_MODULES, join(home, 'node_modules'));
  await mkdir(join(tree, 'etc/tiebreak'), { mode: 0o750 });

  for (const { name, section, text } of manualPages({ version, epoch })) {
    await put(tree, `usr/share/man/man${section}/${name}.${section}`, text, 'compressed');
  }
  const node = join(home, 'bin/node');
  for (const [shell, file] of [
    ['bash', 'bash-completion/completions/tiebreak'],
    ['zsh', 'zsh/vendor-completions/_tiebreak'],
    ['fish', 'fish/vendor_completions.d/tiebreak.fish'],
  ] as const) {
    const text = await command(node, [join(home, 'lib/tiebreak.js'), 'completion', shell]);
    await put(tree, `usr/share/${file}`, text);
  }
  const doc = join(tree, 'usr/share/doc/tiebreak');
  await cp(join(top, 'docs'), doc, { recursive: true });
  await put(tree, 'usr/share/doc/tiebreak/NEWS', await readFile(join(top, 'CHANGELOG.md'), 'utf8'), 'compressed');
  await put(
    tree,
    'usr/share/doc/tiebreak/copyright',
    await debianCopyright(top, [...modules, ...native], { withNode: true }),
  );
  return await buildDeb(tree, options);
}

async function witnessPackage(options: DebianOptions): Promise<string> {
  const { top, bundled } = options;
  const tree = await newTree('tiebreak-witness', options);
  const home = join(tree, 'usr/lib/tiebreak');
  await mkdir(home, { recursive: true });
  await cp(join(bundled, 'witness/witness.js'), join(home, 'witness/witness.js'));
  const runtime = await copyModules(top, RUNTIME_MODULES, join(home, 'node_modules'));
  await mkdir(join(tree, 'etc/tiebreak-witness'), { mode: 0o700 });
  await put(
    tree,
    'usr/share/doc/tiebreak-witness/copyright',
    await debianCopyright(top, [...options.modules, ...runtime], { withNode: false }),
  );
  return await buildDeb(tree, options);
}

/** A copy of what lies in the folder of that name, as a package has it. */
async function newTree(name: string, { scratch }: DebianOptions): Promise<string> {
  const tree = join(scratch, name);
  await cp(join(import.meta.dirname, name), tree, { recursive: true });
  return tree;
}

async function put(tree: string, path: string, text: string, how: 'plain' | 'compressed' = 'plain'): Promise<void> {
  const file = join(tree, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  await chmod(file, 0o644);
  if (how === 'compressed') await command('gzip', ['-9n', file]);
}
