import { type ImportFinding, leftOut, type Place, refused } from './finding.ts';
import type { Statement } from './tree.ts';

/** Collects what a translation has to say on its way. */
export type Report = (finding: ImportFinding) => void;

/** The statements of a block that are translated, by keyword. */
export type Settings = {
  /** The one that counts: keepalived takes the last. */
  readonly one: (keyword: string) => Statement | undefined;
  readonly all: (keyword: string) => readonly Statement[];
  /** The one that counts of those of which keepalived takes the first. */
  readonly first: (keyword: string) => Statement | undefined;
  /** The entries of a block, also of one that stands several times. */
  readonly entries: (keyword: string) => readonly Statement[];
};

export function settingsOf(statements: readonly Statement[], report: Report): Settings {
  const named = (keyword: string): readonly Statement[] => statements.filter(({ words }) => words[0] === keyword);
  return {
    one: (keyword) => {
      const all = named(keyword);
      const last = all.at(-1);
      for (const earlier of all) {
        if (earlier !== last) report(leftOut(earlier, `'${keyword}' stands again in line ${last?.line}, which counts`));
      }
      return last;
    },
    all: named,
    first: (keyword) => {
      const [first, ...later] = named(keyword);
      for (const each of later) {
        report(leftOut(each, `'${keyword}' stands in line ${first?.line} already, which counts`));
      }
      return first;
    },
    entries: (keyword) => named(keyword).flatMap(({ block }) => block ?? []),
  };
}

/** Whether a switch is on: without a value it is. */
export function isOn(statement: Statement): boolean {
  return !['off', 'false', 'no', '0'].includes(statement.words[1]?.toLowerCase() ?? 'on');
}

/** A whole number; undefined after it was refused. */
export function wholeNumber(statement: Statement, min: number, max: number, report: Report): number | undefined {
  const [keyword, text = ''] = statement.words;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  report(refused(statement, `'${keyword} ${text}': must be a whole number from ${min} to ${max}`, 'correct it'));
  return undefined;
}

/** Seconds, perhaps with a fraction, as a duration; undefined after it was refused. */
export function seconds(statement: Statement, report: Report): string | undefined {
  const [keyword, text = ''] = statement.words;
  const match = /^0*(\d{0,4}?)(?:\.(\d{1,6}))?$/.exec(text);
  if (match === null || text === '') {
    report(refused(statement, `'${keyword} ${text}': must be a number of seconds`, 'correct it'));
    return undefined;
  }
  const fraction = (match[2] ?? '').replace(/0+$/, '');
  return `${match[1] || '0'}${fraction === '' ? '' : `.${fraction}`}s`;
}

/** What a statement that is taken over is made of: so many words at most, with or without a block. */
export type Shape = { readonly words: number; readonly block: boolean };
export const VALUE: Shape = { words: 2, block: false };
export const BLOCK: Shape = { words: 1, block: true };
export const NAMED_BLOCK: Shape = { words: 2, block: true };
export const WORD: Shape = { words: 1, block: false };

/** More than is taken over would be lost, and might be what mattered. */
export function refuseOtherShape(statement: Statement, shape: Shape, report: Report): void {
  const more = statement.words.slice(shape.words).join(' ');
  if (more !== '') {
    const what = `${quoted(statement)}: '${more}' has no equivalent`;
    report(refused(statement, what, 'take it out of the configuration first'));
  }
  if ((statement.block !== undefined) !== shape.block) {
    const what = `${quoted(statement)} ${shape.block ? 'needs a block: { }' : 'has no block'}`;
    report(refused(statement, what, 'correct it'));
  }
}

/** The same for all statements of a block that are taken over. */
export function refuseOtherShapes(
  statements: readonly Statement[],
  shapes: ReadonlyMap<string, Shape>,
  report: Report,
): void {
  for (const statement of statements) {
    const shape = shapes.get(statement.words[0] ?? '');
    if (shape !== undefined) refuseOtherShape(statement, shape, report);
  }
}

export function quoted(place: Place & { readonly words: readonly string[] }): string {
  return `'${place.words.join(' ').slice(0, 80)}'`;
}
