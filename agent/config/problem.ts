import { distance } from 'fastest-levenshtein';
import type { ConfigProblem } from './types.ts';

/** The way to a value in the file: keys, and indices of arrays. */
export type Path = readonly (string | number)[];

/** `group[0].virtual_router[0].priority` */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

/** `edge.toml:12:3  group[0].virtual_router[0].priorty: unknown key; did you mean 'priority'?` */
export function formatProblem(problem: ConfigProblem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`;
  const subject = problem.path === '' ? '' : `${problem.path}: `;
  const hint = problem.hint === undefined ? '' : `; ${problem.hint}`;
  return `${place}  ${subject}${problem.message}${hint}`;
}

/** The known word that `word` was probably meant to be, or undefined if none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 64) return undefined;
  const limit = Math.max(2, Math.floor(word.length / 3));
  let best: { word: string; distance: number } | undefined;
  for (const candidate of known) {
    const far = distance(word.toLowerCase(), candidate.toLowerCase());
    if (far <= limit && far < candidate.length && (best === undefined || far < best.distance)) {
      best = { word: candidate, distance: far };
    }
  }
  return best?.word;
}
