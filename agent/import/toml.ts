import type { Place } from './finding.ts';

/** A line of the result, and the line of keepalived's configuration that it comes from. */
export type TomlLine = {
  readonly text: string;
  readonly from?: Place;
  readonly note?: string;
  /** What goes as a whole if this line cannot stay: the rest is sound without it. */
  readonly part?: Part;
};

/** A key or table that a group can do without. */
export type Part = Place & { readonly what: string };

/** The lines as one part. */
export function partOf(place: Place, what: string, lines: readonly TomlLine[]): TomlLine[] {
  const part: Part = { file: place.file, line: place.line, what };
  return lines.map((line) => ({ ...line, part }));
}

/** An array of strings in one line. */
export function tomlStrings(texts: readonly string[]): string {
  return `[${texts.map(tomlString).join(', ')}]`;
}

/** A basic string: JSON's escapes are TOML's as well, but for DEL. */
export function tomlString(text: string): string {
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f');
}

export function renderToml(lines: readonly TomlLine[]): string {
  return lines.map((line) => `${line.text}${commentOf(line)}\n`).join('');
}

function commentOf({ from, note }: TomlLine): string {
  const place = from === undefined ? undefined : `${from.file}:${from.line}`;
  const said = [place, note].filter((part) => part !== undefined).join(' ');
  return said === '' ? '' : `  # ${forComment(said)}`;
}

/** A comment of TOML ends with its line and has no control characters. */
export function forComment(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cs}]/gu, '?');
}
