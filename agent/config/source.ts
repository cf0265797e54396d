import { type AST, getStaticTOMLValue, ParseError, parseTOML } from 'toml-eslint-parser';
import type { Path } from './problem.ts';

/** A table of the file; without a prototype, so that a key named `constructor` is a key like any other. */
type Table = { [key: string]: unknown };
/** From 1, as editors count. */
export type Place = { readonly line: number; readonly column: number };
const START: Place = { line: 1, column: 1 };

/** A TOML file as plain values, and where each of them stands. */
export type Source = {
  readonly tree: Table;
  /** The place of the key (or table header) at `path`, or of the nearest one around it that the file has. */
  readonly keyAt: (path: Path) => Place;
  /** The place of the value at `path`, or of the nearest one around it that the file has. */
  readonly valueAt: (path: Path) => Place;
};

/** Reads TOML 1.0, with or without a byte order mark. Never throws: what is no TOML comes back as one problem with its place. */
export function readSource(text: string): { ok: true; source: Source } | { ok: false; place: Place; message: string } {
  try {
    return {
      ok: true,
      source: new SourceReader().read(parseTOML(text.replace(/^\uFEFF/, ''), { tomlVersion: '1.0' })),
    };
  } catch (error) {
    if (error instanceof ParseError) {
      return { ok: false, place: { line: error.lineNumber, column: error.column + 1 }, message: error.message };
    }
    // The values are read recursively: thousands of nested brackets use the stack up.
    if (error instanceof RangeError) {
      return { ok: false, place: START, message: 'nested too deeply to be read' };
    }
    throw error;
  }
}

class SourceReader {
  readonly #tree = newTable();
  readonly #keys = new Map<string, Place>();
  readonly #values = new Map<string, Place>();

  read(program: AST.TOMLProgram): Source {
    for (const node of program.body[0].body) {
      if (node.type === 'TOMLTable') this.#readTable(node);
      else this.#readKeyValue(node, this.#tree, []);
    }
    return {
      tree: this.#tree,
      keyAt: (path) => nearestPlace(this.#keys, path),
      valueAt: (path) => nearestPlace(this.#values, path),
    };
  }

  #readTable(node: AST.TOMLTable): void {
    const place = startOf(node);
    let container: Table | unknown[] = this.#tree;
    for (const [depth, step] of node.resolvedKey.entries()) {
      const path = node.resolvedKey.slice(0, depth + 1);
      this.#note(path, place, place);
      container = descend(container, step, typeof node.resolvedKey[depth + 1] === 'number');
    }
    for (const child of node.body) this.#readKeyValue(child, container, node.resolvedKey);
  }

  #readKeyValue(node: AST.TOMLKeyValue, container: Table | unknown[], base: Path): void {
    let table = container;
    let path = base;
    const keys = node.key.keys.map((key) => ({ key, name: key.type === 'TOMLBare' ? key.name : key.value }));
    for (const [depth, { key, name }] of keys.entries()) {
      path = [...path, name];
      const last = depth === keys.length - 1;
      this.#note(path, startOf(key), startOf(last ? node.value : key));
      if (last) put(table, name, this.#readValue(node.value, path));
      else table = descend(table, name, false);
    }
  }

  #readValue(node: AST.TOMLContentNode, path: Path): unknown {
    switch (node.type) {
      case 'TOMLArray':
        return node.elements.map((element, index) => {
          const place = startOf(element);
          this.#note([...path, index], place, place);
          return this.#readValue(element, [...path, index]);
        });
      case 'TOMLInlineTable': {
        const table = newTable();
        for (const child of node.body) this.#readKeyValue(child, table, path);
        return table;
      }
      case 'TOMLValue':
        return getStaticTOMLValue(node);
    }
  }

  /** The first mention counts: `[[group]]` opens a group, whatever sub-tables follow. */
  #note(path: Path, key: Place, value: Place): void {
    const name = placeKey(path);
    if (!this.#keys.has(name)) this.#keys.set(name, key);
    if (!this.#values.has(name)) this.#values.set(name, value);
  }
}

function newTable(): Table {
  return Object.create(null);
}

function put(container: Table | unknown[], step: string | number, value: unknown): void {
  if (Array.isArray(container)) {
    if (typeof step === 'number') container[step] = value;
  } else {
    container[step] = value;
  }
}

/** The table or array at `step`, made if it is not there yet. */
function descend(container: Table | unknown[], step: string | number, array: boolean): Table | unknown[] {
  const present = Array.isArray(container) ? container[Number(step)] : container[step];
  if (Array.isArray(present)) return present;
  if (isTable(present)) return present;
  const made = array ? [] : newTable();
  put(container, step, made);
  return made;
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !(value instanceof Date);
}

function startOf(node: AST.TOMLNode): Place {
  return { line: node.loc.start.line, column: node.loc.start.column + 1 };
}

/** Not the readable form: a quoted key may itself contain dots and brackets. */
function placeKey(path: Path): string {
  return JSON.stringify(path);
}

function nearestPlace(places: ReadonlyMap<string, Place>, path: Path): Place {
  for (let length = path.length; length > 0; length--) {
    const place = places.get(placeKey(path.slice(0, length)));
    if (place !== undefined) return place;
  }
  return START;
}
