import { formatPath, type Path } from './problem.ts';
import type { Place } from './source.ts';
import type { ConfigProblem } from './types.ts';

/** A problem whose file name is still to be filled in. */
export type Finding = Omit<ConfigProblem, 'file'>;

/** A finding about what is at `path`, shown at `place`. */
export function at(place: Place, path: Path, message: string, hint?: string): Finding {
  return { ...place, path: formatPath(path), message, ...(hint === undefined ? {} : { hint }) };
}
