import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { perform } from './command.ts';

const TOP = join(import.meta.dirname, '../..');

export type Packages = { readonly agent: string; readonly witness: string; readonly npm: string };

/** Builds them as `./dev package` does, into a folder of one's own. */
export async function buildPackages(out: string, version: string): Promise<Packages> {
  const args = [join(TOP, 'packaging/package.ts'), '--out', out, '--version', version];
  const files = (await perform(process.execPath, args, { folder: TOP })).trim().split('\n');
  const named = (pattern: RegExp): string => {
    const file = files.find((path) => pattern.test(path));
    if (file === undefined) throw new Error(`no ${pattern} among ${files.join(' ')}`);
    return join(TOP, file);
  };
  return { agent: named(/\/tiebreak_.*\.deb$/), witness: named(/\/tiebreak-witness_.*\.deb$/), npm: named(/\.tgz$/) };
}

/** The same Debian packages as `version`, in `folder`: taken apart and put together again, which is quicker than to build them. */
export async function asVersion({ agent, witness, npm }: Packages, version: string, folder: string): Promise<Packages> {
  const again = async (deb: string): Promise<string> => {
    const tree = join(folder, basename(deb, '.deb'));
    await perform('dpkg-deb', ['--raw-extract', deb, tree]);
    edit(join(tree, 'DEBIAN/control'), (text) => text.replaceAll(/(?<=^Version: |tiebreak \(= )[0-9.]+/gm, version));
    if (deb === agent) {
      edit(join(tree, 'usr/lib/tiebreak/package.json'), (text) => text.replace(/(?<="version": ")[0-9.]+/, version));
    }
    await perform('dpkg-deb', ['-Znone', '--root-owner-group', '--build', tree]);
    return `${tree}.deb`;
  };
  return { agent: await again(agent), witness: await again(witness), npm };
}

function edit(file: string, change: (text: string) => string): void {
  const text = readFileSync(file, 'utf8');
  const changed = change(text);
  if (changed === text) throw new Error(`${file} does not say its version`);
  writeFileSync(file, changed);
}
