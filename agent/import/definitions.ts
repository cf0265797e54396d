/** `$NAME=value` lines as they stand at this point of the file; keepalived substitutes when it uses, not when it defines. */
export class Definitions {
  readonly #values: Map<string, string>;

  constructor(predefined: ReadonlyMap<string, string>) {
    this.#values = new Map(predefined);
  }

  set(name: string, value: string): void {
    this.#values.set(name, value);
  }

  /**
   * The line with its first reference to something defined replaced; undefined if there is none. What is not defined stays
   * as it is, for scripts have dollars of their own.
   */
  substitute(line: string): string | undefined {
    for (const match of line.matchAll(/\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*)(?=\s|$))/g)) {
      const value = this.#values.get(match[1] ?? match[2] ?? '');
      if (value !== undefined) return line.slice(0, match.index) + value + line.slice(match.index + match[0].length);
    }
    return undefined;
  }
}

/** A definition, also one of several lines, whose line breaks its value keeps. */
export function parseDefinition(line: string): { name: string; value: string } | undefined {
  const match = /^\$([A-Za-z_]\w*)=(.*)$/s.exec(line);
  const [, name, value] = match ?? [];
  return name === undefined || value === undefined ? undefined : { name, value: value.trim() };
}

/** A line to be read again for each set of values. */
export type Repetition = {
  readonly names: readonly string[];
  readonly values: readonly (readonly string[])[];
  readonly rest: string;
};
/** More would be a slip: a link has 255 virtual routers. */
const LONGEST_SEQUENCE = 10_000;

/** A line that starts with `~SEQ(…)` or `~LST(…)`; undefined if it is neither, or says nothing that ends. */
export function parseRepetition(line: string): Repetition | undefined {
  return line.startsWith('~LST') ? parseList(line) : parseSequence(line);
}

/** `~SEQ(var, start, step, end) rest` */
function parseSequence(line: string): Repetition | undefined {
  const match = /^~SEQ(x?)\(\s*([A-Za-z_]\w*)((?:\s*,\s*-?(?:0x[0-9a-fA-F]{1,8}|\d{1,9})){1,3})\s*\)(.*)$/s.exec(line);
  const [, hex, name, list, rest] = match ?? [];
  if (name === undefined || list === undefined || rest === undefined) return undefined;
  const numbers = list.split(',').slice(1).map(integerOf);
  const end = numbers.at(-1) ?? 0;
  const start = numbers.length > 1 ? (numbers[0] ?? 0) : end > 0 ? 1 : -1;
  const step = numbers.length === 3 ? (numbers[1] ?? 0) : end >= start ? 1 : -1;
  if (step === 0 || Math.abs((end - start) / step) > LONGEST_SEQUENCE) return undefined;
  const values: string[][] = [];
  for (let value = start; step > 0 ? value <= end : value >= end; value += step) {
    values.push([value.toString(hex === 'x' ? 16 : 10)]);
  }
  return { names: [name], values, rest };
}

function integerOf(text: string): number {
  const trimmed = text.trim();
  return trimmed.startsWith('-') ? -Number(trimmed.slice(1)) : Number(trimmed);
}

/** `~LST(var, a, b) rest`, or with several at a time `~LST({v, w}, {a, b}, {c, d}) rest`; a value that is missing is empty. */
function parseList(line: string): Repetition | undefined {
  const set = String.raw`(?:\{[^{}()]*\}|[^\s,{}()]*)`;
  const [, head, list, rest] =
    new RegExp(String.raw`^~LST\s*\(\s*(${set})\s*((?:,\s*${set}\s*)+)\)\s*(.*)$`, 's').exec(line) ?? [];
  if (head === undefined || list === undefined || rest === undefined) return undefined;
  const names = membersOf(head);
  const sets = [...list.matchAll(new RegExp(String.raw`,\s*(${set})`, 'g'))].map(([, each = '']) => membersOf(each));
  if (!names.every((name) => /^[A-Za-z_]\w*$/.test(name))) return undefined;
  if (sets.some((values) => values.length > names.length)) return undefined;
  return { names, values: sets.map((values) => names.map((_, index) => values[index] ?? '')), rest };
}

function membersOf(set: string): string[] {
  return (set.startsWith('{') ? set.slice(1, -1) : set).split(',').map((each) => each.trim());
}
