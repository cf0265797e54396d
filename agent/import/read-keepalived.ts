import { Definitions, parseDefinition, parseRepetition } from './definitions.ts';
import { broken, type ImportFinding, leftOut, type Place, refused } from './finding.ts';
import { type Statement, TreeBuilder } from './tree.ts';
import { withoutComment, wordsOf } from './words.ts';

export type SourceFile = { readonly file: string; readonly text: string };
/** `text` is undefined where the file is there, but cannot be read. */
export type IncludedFile = { readonly file: string; readonly text: string | undefined };

export type ReadOptions = {
  /** What `@id` lines are compared with: keepalived's `-i`. */
  readonly configId: string;
  /** The files that an `include` in `from` names, which may be relative to `from` and hold wildcards; none if there is none. */
  readonly include: (pattern: string, from: string) => readonly IncludedFile[];
};

export type ReadConfiguration = {
  readonly statements: readonly Statement[];
  readonly findings: readonly ImportFinding[];
};

const MAX_INCLUDE_DEPTH = 16;
const MAX_NESTED_DEFINITIONS = 64;
const MAX_SUBSTITUTIONS_PER_LINE = 1_000;
/** Definitions can multiply themselves; no configuration that people maintain comes near. */
const MAX_CHARACTERS = 4_000_000;
/** A line costs more than its characters: short ones must come to an end as well. */
const CHARACTERS_PER_LINE = 32;

/** Reads keepalived's language: keepalived.conf(5). Never throws: what is wrong is a finding with its place. */
export function readKeepalived(source: SourceFile, options: ReadOptions): ReadConfiguration {
  const reader = new Reader(options);
  reader.readFile(source, 0);
  return reader.finish();
}

class Reader {
  readonly #options: ReadOptions;
  readonly #definitions: Definitions;
  readonly #tree = new TreeBuilder();
  readonly #findings: ImportFinding[] = [];
  #characters = 0;

  constructor(options: ReadOptions) {
    this.#options = options;
    const { configId } = options;
    this.#definitions = new Definitions(
      new Map([
        ['_INSTANCE', configId],
        ['_HASH', '#'],
        ['_BANG', '!'],
      ]),
    );
  }

  finish(): ReadConfiguration {
    const { statements, findings } = this.#tree.finish();
    return { statements, findings: [...this.#findings, ...findings] };
  }

  readFile({ file, text }: SourceFile, depth: number): void {
    const directory = file.includes('/') ? file.slice(0, file.lastIndexOf('/')) || '/' : '.';
    for (const { line, place } of logicalLines(file, text)) {
      this.#definitions.set('_PWD', directory);
      const pattern = /^include[rmwba]?\s+(\S.*)$/s.exec(line)?.[1];
      if (pattern === undefined) this.#expand(line, place, 0);
      else this.#include(pattern, place, depth);
    }
  }

  #include(argument: string, place: Place, depth: number): void {
    const pattern = wordsOf(argument)?.[0]?.text ?? '';
    if (depth >= MAX_INCLUDE_DEPTH) {
      this.#findings.push(
        broken(place, `files include each other more than ${MAX_INCLUDE_DEPTH} deep`, 'end the circle'),
      );
      return;
    }
    const files = this.#options.include(pattern, place.file);
    if (files.length === 0) {
      // keepalived takes no notice of it; here it is likely that the files were left on the host that they come from.
      const what = `include ${pattern}: there is no such file`;
      const found = /[*?[{]/.test(pattern)
        ? leftOut(place, what)
        : refused(place, what, 'put it there, or take the line out');
      this.#findings.push(found);
    }
    for (const { file, text } of files) {
      if (text === undefined) this.#findings.push(broken(place, `${file} cannot be read`, 'make it readable'));
      else this.readFile({ file, text }, depth + 1);
    }
  }

  /** Conditions, definitions, sequences and substitutions, until plain words are left. */
  #expand(text: string, place: Place, depth: number): void {
    let line = text.trim();
    // As the file has it, several lines are one definition; once substituted, they are lines.
    let written = depth === 0;
    for (let count = 0; ; count++) {
      if (!this.#mayGoOn(line, count, depth, place)) return;
      if (!written && line.includes('\n')) {
        for (const each of line.split('\n')) this.#expand(each, place, depth + 1);
        return;
      }
      const condition = /^@(\^?)(\S+)\s*(.*)$/s.exec(line);
      if (condition !== null) {
        if ((condition[2] === this.#options.configId) === (condition[1] === '^')) return;
        line = condition[3] ?? '';
        continue;
      }
      const definition = parseDefinition(line);
      if (definition !== undefined) {
        this.#definitions.set(definition.name, definition.value);
        return;
      }
      if (line.startsWith('~')) {
        this.#repeat(line, place, depth);
        return;
      }
      const substituted = this.#definitions.substitute(line);
      if (substituted === undefined) break;
      line = substituted.trim();
      written = false;
    }
    this.#addWords(line, place);
  }

  #mayGoOn(line: string, count: number, depth: number, place: Place): boolean {
    this.#characters += line.length + CHARACTERS_PER_LINE;
    if (this.#characters <= MAX_CHARACTERS && count <= MAX_SUBSTITUTIONS_PER_LINE && depth <= MAX_NESTED_DEFINITIONS) {
      return true;
    }
    // Said once: what follows would say the same.
    if (
      !this.#findings.some(({ kind, file, line: at }) => kind === 'broken' && file === place.file && at === place.line)
    ) {
      this.#findings.push(broken(place, 'its definitions never end, or become too long', 'write the values out'));
    }
    return false;
  }

  #repeat(line: string, place: Place, depth: number): void {
    const repetition = parseRepetition(line);
    if (repetition === undefined) {
      const form = line.startsWith('~LST') ? '~LST(var, value, value)' : '~SEQ(var, start, step, end) that ends';
      const what = `${line.slice(0, 40)}: not a ${form}`;
      this.#findings.push(broken(place, what, 'write the lines out'));
      return;
    }
    const { names, values, rest } = repetition;
    for (const each of values) {
      for (const [index, name] of names.entries()) this.#definitions.set(name, each[index] ?? '');
      this.#expand(rest, place, depth + 1);
    }
  }

  #addWords(line: string, place: Place): void {
    const environment = /\$\{_(?:RANDOM|ENV)[^}]*\}/g;
    const known = line.replaceAll(environment, '');
    if (known !== line) {
      const what = `${line.match(environment)?.[0]}: a value that is known only when keepalived starts`;
      // Without a line that opens or closes a block, what follows would be read wrongly.
      const say = /[{}]/.test(known) ? broken : refused;
      this.#findings.push(say(place, what, 'write the value'));
      return;
    }
    if (/(?<!\\)(?:\\\\)*\\$/.test(line)) {
      this.#findings.push(broken(place, 'only a definition goes on after a backslash', 'write it in one line'));
      return;
    }
    const words = wordsOf(line);
    if (words === undefined) {
      this.#findings.push(broken(place, 'a quotation that is not closed in its line', 'add the missing quote'));
      return;
    }
    this.#tree.addLine(words, place);
  }
}

type LogicalLine = { readonly line: string; readonly place: Place };

/** The lines of a file without comments; a definition over several lines is one. */
function logicalLines(file: string, text: string): LogicalLine[] {
  const lines: LogicalLine[] = [];
  const raw = text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .map((each) => withoutComment(each).trim());
  for (let index = 0; index < raw.length; index++) {
    const place = { file, line: index + 1 };
    let line = raw[index] ?? '';
    if (startsDefinition(line)) {
      while (line.endsWith('\\') && index + 1 < raw.length) line = `${line.slice(0, -1).trimEnd()}\n${raw[++index]}`;
    }
    if (line !== '') lines.push({ line, place });
  }
  return lines;
}

function startsDefinition(line: string): boolean {
  return /^(?:@\S+\s+)?\$[A-Za-z_]\w*=.*\\$/s.test(line);
}
