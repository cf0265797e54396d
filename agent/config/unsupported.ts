import { at, type Finding } from './finding.ts';
import type { Path } from './problem.ts';
import type { Source } from './source.ts';

type Mode = 'lease' | 'vrrp';
type Unsupported = {
  readonly key: string;
  /** Which values of the key cannot be honoured in this mode. */
  readonly when: (value: unknown, mode: Mode) => boolean;
  readonly what: (value: unknown) => string;
  readonly hint: string;
};

const present = (): boolean => true;
const notEmpty = (value: unknown): boolean => Array.isArray(value) && value.length > 0;

// Described in DESIGN section 7 and not built yet: refused, since a setting that is ignored is worse than none.

const IN_CHECK: readonly Unsupported[] = ['process', 'interface', 'arp'].map((key) => ({
  key,
  when: present,
  what: () => `a check by ${key}`,
  hint: 'use command, http, tcp or file; or push = true, and report to the local API: POST /v1/groups/GROUP/health',
}));

const IN_VIRTUAL_ROUTER: readonly Unsupported[] = [
  { key: 'accept', when: (value) => value === false, what: () => 'accept = false', hint: 'leave it out' },
  { key: 'routes', when: notEmpty, what: () => 'routes', hint: 'leave it out' },
];

/** Everything in the file that this version cannot do, whatever else is wrong with it. */
export function unsupportedFindings(source: Source): Finding[] {
  return entries(source.tree.group).flatMap(([index, group]) => {
    const path: Path = ['group', index];
    const mode: Mode = group.mode === 'vrrp' ? 'vrrp' : 'lease';
    return [
      ...entries(group.check).flatMap(([checkIndex, check]) =>
        tableFindings(IN_CHECK, check, [...path, 'check', checkIndex], mode, source),
      ),
      ...entries(group.virtual_router).flatMap(([routerIndex, router]) => {
        const routerPath: Path = [...path, 'virtual_router', routerIndex];
        return tableFindings(IN_VIRTUAL_ROUTER, router, routerPath, mode, source);
      }),
    ];
  });
}

function tableFindings(list: readonly Unsupported[], table: Fields, path: Path, mode: Mode, source: Source): Finding[] {
  return list.flatMap(({ key, when, what, hint }) => {
    const value = table[key];
    if (value === undefined || !when(value, mode)) return [];
    return [at(source.keyAt([...path, key]), [...path, key], `${what(value)} is not supported yet`, hint)];
  });
}

type Fields = { readonly [key: string]: unknown };

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function entries(value: unknown): [number, Fields][] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry, index): [number, Fields][] => (isFields(entry) ? [[index, entry]] : []));
}
