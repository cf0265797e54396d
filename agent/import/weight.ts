import { type Place, refused } from './finding.ts';
import { quoted, type Report } from './settings.ts';
import type { TomlLine } from './toml.ts';
import type { Statement } from './tree.ts';

/** What the tracking of a script or process begins from: its definition, and what it says of the weight. */
export type Defined = { readonly lines: readonly TomlLine[]; readonly weight: Weight };
export type Weight = { readonly value: number; readonly reverse: boolean };

/** keepalived's limit for scripts and interfaces; it cuts 254, which it once allowed. */
const WEIGHT_MAX = 253;

/**
 * The weight that counts, of an entry: `NAME weight N [reverse|noreverse]`; undefined after it was refused. keepalived turns the
 * weight round, this program the check: what is subtracted while a thing is well there is lost here while its reverse fails.
 */
export function weightOf(entry: Statement, preset: Weight, report: Report): Weight | undefined {
  const [keyword, text, direction, ...more] = entry.words.slice(1);
  if (keyword !== undefined && (keyword !== 'weight' || text === undefined || more.length > 0)) {
    report(refused(entry, `${quoted(entry)}: '${entry.words.slice(1).join(' ')}' is no weight`, 'correct it'));
    return undefined;
  }
  const value = text === undefined ? preset.value : parseWeight(entry, text, report);
  const reverse = direction === undefined ? preset.reverse : direction === 'reverse';
  if (direction !== undefined && direction !== 'reverse' && direction !== 'noreverse') {
    report(refused(entry, `${quoted(entry)}: '${direction}' is neither reverse nor noreverse`, 'correct it'));
    return undefined;
  }
  if (value === undefined) return undefined;
  return { value: reverse ? 0 - value : value, reverse };
}

/** The preset weight of a definition, also `weight 5 reverse`; undefined after it was refused. */
export function presetWeight(statement: Statement | undefined, report: Report): Weight | undefined {
  if (statement === undefined) return { value: 0, reverse: false };
  const [, text = '', direction, ...more] = statement.words;
  if ((direction !== undefined && direction !== 'reverse') || more.length > 0) {
    report(refused(statement, `${quoted(statement)}: '${direction}' is not reverse`, 'correct it'));
    return undefined;
  }
  const value = parseWeight(statement, text, report);
  return value === undefined ? undefined : { value, reverse: direction === 'reverse' };
}

function parseWeight(place: Place, text: string, report: Report): number | undefined {
  const value = /^[+-]?\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (Math.abs(value) <= WEIGHT_MAX) return value;
  report(refused(place, `weight ${text}: must be a whole number from -${WEIGHT_MAX} to ${WEIGHT_MAX}`, 'correct it'));
  return undefined;
}
