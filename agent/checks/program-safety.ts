import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Why the agent, who is root, should not run that program; undefined: it may. Whoever may write to the file or to a folder
 * above it could have anything run as root.
 */
export function programProblem(program: string): string | undefined {
  let path: string;
  try {
    path = realpathSync(program);
    accessSync(path, constants.X_OK);
  } catch (error) {
    const { code } = error instanceof Error && 'code' in error ? error : { code: undefined };
    if (code === 'ENOENT') return `${program} does not exist`;
    return `${program} cannot be run (${code}); make it executable: chmod +x ${program}`;
  }
  if (!statSync(path).isFile()) return `${program} is no file`;
  for (let part = path; ; part = dirname(part)) {
    const problem = writableByOthers(part);
    if (problem !== undefined) return `${program}: ${problem}`;
    if (part === '/') return undefined;
  }
}

function writableByOthers(path: string): string | undefined {
  const { mode, uid, gid } = statSync(path);
  const shown = `mode ${(mode & 0o7777).toString(8).padStart(4, '0')}`;
  const own = process.getuid?.() ?? 0;
  if (uid !== 0 && uid !== own)
    return `${path} belongs to user ${uid}, who could have it run as root: chown root ${path}`;
  // In a folder such as /tmp everyone may write, and nobody may replace what is another's.
  const sticky = (mode & constants.S_IFDIR) !== 0 && (mode & 0o1000) !== 0;
  if ((mode & 0o002) !== 0 && !sticky) return `everyone may write to ${path} (${shown}): chmod o-w ${path}`;
  if ((mode & 0o020) !== 0 && gid !== 0 && !sticky)
    return `group ${gid} may write to ${path} (${shown}): chmod g-w ${path}`;
  return undefined;
}
