import { createRequire } from 'node:module';

/** Each is larger than all the rest, and an agent needs neither: hence Debian's package `tiebreak` leaves both out. */
const INSTEAD = {
  wrangler: 'use the npm package on the machine from which you deploy (docs/install.md)',
  workerd: 'install the Debian package tiebreak-witness, or the npm package (docs/install.md)',
} as const;

/** Why the command that needs it cannot run in this installation, and what to do; undefined: it is there. */
export function missingProgram(program: keyof typeof INSTEAD): string | undefined {
  try {
    createRequire(import.meta.url).resolve(`${program}/package.json`);
    return undefined;
  } catch {
    return `this command needs ${program}, which is no part of this package: ${INSTEAD[program]}`;
  }
}
