import { accessSync, constants, lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describeFileError } from '../failure-text.ts';

/**
 * Why the agent, who is root, should not run that program; undefined: it may. Whoever may write to the file, or to a folder or
 * link on the way to it, could have anything run as root.
 *
 * @param program absolute
 * @param runsAs the user that it runs as, who may own it then; undefined: the agent's
 */
export function programProblem(program: string, runsAs?: number): string | undefined {
  try {
    if (!statSync(program).isFile()) return `${program} is no file`;
    accessSync(program, constants.X_OK);
  } catch (error) {
    const executable = error instanceof Error && 'code' in error && error.code === 'EACCES';
    return `${program}: ${executable ? `cannot be run; make it executable: chmod +x ${program}` : describeFileError(error)}`;
  }
  const problem = problemOnTheWay(resolve(program), runsAs);
  return problem === undefined ? undefined : `${program}: ${problem}`;
}

function problemOnTheWay(path: string, runsAs: number | undefined): string | undefined {
  const names = path.split('/').slice(1);
  let here = '/';
  for (const [index, name] of ['', ...names].entries()) {
    here = join(here, name);
    const found = lstatSync(here);
    const problem = changeableByOthers(here, found, runsAs);
    if (problem !== undefined) return problem;
    // Where it leads may lie below other folders: what is left of the way is walked from there.
    if (found.isSymbolicLink()) {
      return problemOnTheWay(join(resolve(dirname(here), readlinkSync(here)), ...names.slice(index)), runsAs);
    }
  }
  return undefined;
}

function changeableByOthers(path: string, found: Stats, runsAs: number | undefined): string | undefined {
  const { mode, uid, gid } = found;
  const own = process.getuid?.() ?? 0;
  if (uid !== 0 && uid !== own && uid !== runsAs) {
    return `${path} belongs to user ${uid}, who could have anything run as root: chown -h root ${path}`;
  }
  // Nobody can write to a link; and in a folder such as /tmp everyone may, yet replaces nothing of another's.
  if (found.isSymbolicLink() || (found.isDirectory() && (mode & 0o1000) !== 0)) return undefined;
  const shown = `mode ${(mode & 0o7777).toString(8).padStart(4, '0')}`;
  if ((mode & 0o002) !== 0) return `everyone may write to ${path} (${shown}): chmod o-w ${path}`;
  if ((mode & 0o020) !== 0 && gid !== 0) return `group ${gid} may write to ${path} (${shown}): chmod g-w ${path}`;
  return undefined;
}
