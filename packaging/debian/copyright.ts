import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const Manifest = z.object({ name: z.string(), version: z.string(), license: z.string().optional() });

const OURS = `tiebreak
========

Copyright: the tiebreak contributors
License: Apache-2.0, see /usr/share/common-licenses/Apache-2.0

What other projects have made and this package brings along follows, each with its own terms.
`;

/** The terms of tiebreak, and of every module that a package brings along; `withNode`: of Node.js too. */
export async function debianCopyright(
  top: string,
  folders: readonly string[],
  { withNode }: { readonly withNode: boolean },
): Promise<string> {
  const node = withNode ? [join(top, `node_modules/node/node_modules/node-linux-${process.arch}`)] : [];
  const parts = await Promise.all([...node, ...[...new Set(folders)].sort()].map(termsOf));
  return [OURS, ...parts].join('\n');
}

async function termsOf(folder: string): Promise<string> {
  const { name, version, license } = Manifest.parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')));
  const title = `${name} ${version}`;
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  // Debian has that one's text already, and wants no other copy of it.
  const isThere = license === 'Apache-2.0';
  const said =
    license === undefined ? '' : `License: ${license}${isThere ? ', see /usr/share/common-licenses/Apache-2.0' : ''}\n`;
  const text = file === undefined || isThere ? '' : `\n${(await readFile(join(folder, file), 'utf8')).trim()}\n`;
  return `\n${title}\n${'='.repeat(title.length)}\n\n${said}${text}`;
}
