import type { CheckDraft } from './check.ts';
import { leftOut, refused } from './finding.ts';
import type { Programs } from './programs.ts';
import { scriptLines } from './scripts.ts';
import { quoted, type Report } from './settings.ts';
import { tomlString } from './toml.ts';
import { processLines } from './track-process.ts';
import type { Statement } from './tree.ts';
import { type Defined, weightOf } from './weight.ts';

const KINDS = { track_script: 'script', track_process: 'process', track_interface: 'interface' } as const;
type Keyword = keyof typeof KINDS;
const KEYWORDS = ['track_interface', 'track_script', 'track_process'] as const satisfies readonly Keyword[];
const DEFINED_BY = { track_script: 'vrrp_script', track_process: 'vrrp_track_process' } as const;

/** Finds what instances and sync groups track, among all statements of the configuration. */
export class Tracking {
  readonly #statements: readonly Statement[];
  readonly #programs: Programs;
  readonly #report: Report;
  readonly #used = new Set<Statement>();

  constructor(statements: readonly Statement[], programs: Programs, report: Report) {
    this.#statements = statements;
    this.#programs = programs;
    this.#report = report;
  }

  /** @param owner a vrrp_instance or vrrp_sync_group */
  checksOf(owner: Statement): CheckDraft[] {
    return KEYWORDS.flatMap((keyword) => {
      const seen = new Set<string>();
      const entries = (owner.block ?? []).flatMap(({ words, block }) => (words[0] === keyword ? (block ?? []) : []));
      return entries.flatMap((entry) => {
        const name = entry.words[0] ?? '';
        if (seen.has(name)) {
          this.#report(leftOut(entry, `${quoted(entry)}: ${name} is tracked already; keepalived takes the first`));
          return [];
        }
        seen.add(name);
        return this.#check(keyword, entry, owner) ?? [];
      });
    });
  }

  /** Says which definitions nothing tracks. */
  finish(): void {
    for (const statement of this.#statements) {
      const isDefinition = Object.values(DEFINED_BY).some((keyword) => keyword === statement.words[0]);
      if (isDefinition && !this.#used.has(statement)) {
        this.#report(leftOut(statement, `${quoted(statement)}: nothing tracks it`));
      }
    }
  }

  #check(keyword: Keyword, entry: Statement, owner: Statement): CheckDraft | undefined {
    const name = entry.words[0] ?? '';
    if (entry.block !== undefined) {
      this.#report(refused(entry, `${quoted(entry)} has no block`, 'correct it'));
      return undefined;
    }
    const defined = keyword === 'track_interface' ? trackedInterface(entry) : this.#defined(keyword, entry, owner);
    const weight = defined === undefined ? undefined : weightOf(entry, defined.weight, this.#report);
    if (defined === undefined || weight === undefined) return undefined;
    const reversed = weight.reverse ? [{ text: 'reverse = true' }] : [];
    return { place: entry, kind: KINDS[keyword], name, weight: weight.value, lines: [...defined.lines, ...reversed] };
  }

  #defined(keyword: 'track_script' | 'track_process', entry: Statement, owner: Statement): Defined | undefined {
    const name = entry.words[0] ?? '';
    const kind = DEFINED_BY[keyword];
    const definitions = this.#statements.filter(({ words }) => words[0] === kind && words[1] === name);
    const [definition, ...others] = definitions;
    if (definition === undefined) {
      this.#report(refused(entry, `${quoted(entry)}: there is no ${kind} ${name}`, 'correct the name'));
      return undefined;
    }
    for (const each of definitions) this.#used.add(each);
    for (const each of others) this.#report(refused(each, `${quoted(each)} stands twice`, 'rename one of them'));
    if (this.#statements.indexOf(definition) > this.#statements.indexOf(owner)) {
      const what = `${quoted(entry)}: keepalived ignores it, as ${kind} ${name} comes only in line ${definition.line}`;
      this.#report(refused(entry, what, `move the ${kind} in front of what tracks it, or take the line out`));
      return undefined;
    }
    return keyword === 'track_script'
      ? scriptLines(definition, this.#programs, this.#report)
      : processLines(definition, this.#report);
  }
}

function trackedInterface(entry: Statement): Defined {
  return {
    lines: [{ text: `interface = ${tomlString(entry.words[0] ?? '')}`, from: entry }],
    weight: { value: 0, reverse: false },
  };
}
