import { join } from 'node:path';
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
