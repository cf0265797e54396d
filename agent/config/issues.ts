import type { z } from 'zod';
import { at, type Finding } from './finding.ts';
import { nearest, type Path } from './problem.ts';
import { KNOWN_KEYS } from './schema.ts';
import type { Source } from './source.ts';

type Issue = z.core.$ZodIssue;

/** What the schema found, in words for the person who wrote the file. */
export function schemaFindings(issues: readonly Issue[], source: Source): Finding[] {
  return issues.flatMap((issue) => findingsOf(issue, pathOf(issue), source));
}

function findingsOf(issue: Issue, path: Path, source: Source): Finding[] {
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) =>
        at(source.keyAt([...path, key]), [...path, key], 'unknown key', keyHint(path, key)),
      );
    case 'invalid_union':
      if ('options' in issue && issue.options !== undefined) return [choiceFinding(issue.options, path, source)];
      return unionFindings(issue.errors, path, source);
    default: {
      const value = valueAt(source.tree, path);
      if (value === undefined) return [missing(path, source)];
      const { message, hint } = describe(issue, value);
      return [at(source.valueAt(path), path, message, hint)];
    }
  }
}

/** Of a union's branches, speak about the one whose type the value has. */
function unionFindings(branches: readonly (readonly Issue[])[], path: Path, source: Source): Finding[] {
  const meant = branches.find(
    (issues) => !issues.some((issue) => issue.code === 'invalid_type' && issue.path.length === 0),
  );
  if (meant === undefined) return [at(source.valueAt(path), path, 'must be text in quotes or a table in braces')];
  return meant.flatMap((issue) => findingsOf(issue, [...path, ...pathOf(issue)], source));
}

/** A table whose other keys hang on this one's value, and that value is none of them. */
function choiceFinding(options: readonly unknown[], path: Path, source: Source): Finding {
  const value = valueAt(source.tree, path);
  const values = options.map(String);
  if (value === undefined) return at(source.keyAt(path.slice(0, -1)), path, `is missing: one of ${values.join(', ')}`);
  const near = typeof value === 'string' ? nearest(value, values) : undefined;
  const hint = near === undefined ? undefined : `did you mean '${near}'?`;
  return at(source.valueAt(path), path, `must be one of ${values.join(', ')}`, hint);
}

function missing(path: Path, source: Source): Finding {
  const table = path.slice(0, -1);
  const key = String(path.at(-1));
  if (path.length === 1 && key === 'group') return at(source.keyAt(table), path, 'at least one [[group]] is needed');
  return at(source.keyAt(table), path, 'is missing');
}

function describe(issue: Issue, value: unknown): { message: string; hint?: string | undefined } {
  switch (issue.code) {
    case 'invalid_type':
      return describeType(issue.expected, value);
    case 'invalid_value': {
      const values = issue.values.map(String);
      const near = typeof value === 'string' ? nearest(value, values) : undefined;
      const message = values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(', ')}`;
      return { message, hint: near === undefined ? undefined : `did you mean '${near}'?` };
    }
    case 'invalid_format':
      return { message: issue.message.startsWith('must') ? issue.message : `must be ${issue.message}` };
    case 'too_big':
      return { message: issue.origin === 'array' || issue.origin === 'string' ? tooLong(issue) : issue.message };
    default:
      return { message: issue.message };
  }
}

function tooLong(issue: z.core.$ZodIssueTooBig): string {
  return issue.origin === 'array'
    ? `has more than ${issue.maximum} entries`
    : `is longer than ${issue.maximum} characters`;
}

function describeType(expected: string, value: unknown): { message: string; hint?: string } {
  const got = typeName(value);
  switch (expected) {
    case 'string':
      return { message: `must be text in quotes, not ${got}` };
    case 'boolean':
      return { message: `must be true or false, not ${got}` };
    case 'int':
    case 'number':
      return { message: `must be a whole number, not ${got}` };
    case 'array':
      return got === 'a table'
        ? { message: 'must be a list, not a table', hint: 'write the table with double brackets, as in [[group]]' }
        : { message: `must be a list in [ ], not ${got}` };
    case 'object':
      return { message: `must be a table, not ${got}` };
    default:
      return { message: `must be ${expected}, not ${got}` };
  }
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Date) return 'a date';
  switch (typeof value) {
    case 'string':
      return 'text';
    case 'boolean':
      return `${value}`;
    case 'number':
      return Number.isInteger(value) ? 'a whole number' : 'a fraction';
    default:
      return 'a table';
  }
}

function keyHint(table: Path, key: string): string | undefined {
  const here = tableName(table);
  const known = KNOWN_KEYS.get(here) ?? [];
  if (known.includes(key)) return 'it is for another provider or kind';
  const near = nearest(key, known);
  if (near !== undefined) return `did you mean '${near}'?`;
  const home = [...KNOWN_KEYS].find(([name, keys]) => name !== here && keys.includes(key))?.[0];
  if (home === undefined) return undefined;
  return home === '' ? 'it belongs at the top of the file' : `it belongs in '${home}'`;
}

function tableName(path: Path): string {
  return path.filter((step) => typeof step === 'string').join('.');
}

function valueAt(tree: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => {
    if (typeof value !== 'object' || value === null) return undefined;
    return Object.getOwnPropertyDescriptor(value, step)?.value;
  }, tree);
}

function pathOf(issue: Issue): Path {
  return issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
}
