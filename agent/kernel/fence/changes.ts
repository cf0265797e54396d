import type { RulesetConfig } from './config.ts';
import { type FenceTable, interfaceHooks, tablesOf } from './ruleset.ts';

/** By name: the line of a set or map, or a chain's rules. */
type Parts = {
  readonly collections: ReadonlyMap<string, string>;
  readonly chains: ReadonlyMap<string, readonly string[]>;
};

/** Of a collection's line. What rules put into one has no place there, and stays. */
const ELEMENTS = / elements = \{ (.*?) \};/;

/**
 * The text that makes the tables of `before` those of `after`, one transaction: what is owned stays owned for as long as it
 * would have been, and only what is withdrawn is let through no longer. Nothing is let through that was not. Empty: they are
 * as they should be.
 *
 * @param present the interfaces that exist now: the kernel refuses a transaction that names another
 */
export function changedRuleset(before: RulesetConfig, after: RulesetConfig, present: ReadonlySet<string>): string {
  const former = tablesOf(before);
  const tables = tablesOf(after).map(({ family, body }) => {
    const same = former.find((table) => table.family === family);
    return changesOfTable(family, partsOf(same?.body ?? []), partsOf(body));
  });
  return [
    ...tables.flatMap(({ changes }) => changes),
    ...after.interfaces.filter((name) => present.has(name)).flatMap((name) => hookChanges(before, after, name)),
    ...tables.flatMap(({ removals }) => removals),
    '',
  ].join('\n');
}

function changesOfTable(family: FenceTable['family'], before: Parts, after: Parts) {
  const at = `${family} tiebreak`;
  const gone = [...before.chains.keys()].filter((name) => !after.chains.has(name));
  const changed = [...after.chains].filter(([name, rules]) => before.chains.get(name)?.join('\n') !== rules.join('\n'));
  const added = changed.filter(([name]) => !before.chains.has(name));
  const newCollections = [...after.collections].filter(([name]) => !before.collections.has(name));
  const goneCollections = [...before.collections].filter(([name]) => !after.collections.has(name));
  const filled = [...after.collections].filter(([name, line]) => before.collections.get(name) !== line);
  const emptied = [...before.collections].filter(([name, line]) => after.collections.get(name) !== line);
  return {
    changes: [
      ...added.map(
        ([name, rules]) => `add chain ${at} ${name}${isHook(rules[0]) ? ` { ${rules[0]?.replace(/;$/, '')}; }` : ''}`,
      ),
      // Rules name collections, whose elements lead to chains, which are there by now.
      ...newCollections.map(([, line]) => line.replace(ELEMENTS, '').replace(/^(set|map) /, `add $1 ${at} `)),
      ...changed.filter(([name]) => before.chains.has(name)).map(([name]) => `flush chain ${at} ${name}`),
      ...gone.map((name) => `flush chain ${at} ${name}`),
      ...emptied.map(([name, line]) => `flush ${kindOf(line)} ${at} ${name}`),
      ...filled.flatMap(([name, line]) => {
        const [, elements] = ELEMENTS.exec(line) ?? [];
        return elements === undefined ? [] : [`add element ${at} ${name} { ${elements} }`];
      }),
      ...changed.flatMap(([name, rules]) =>
        rules.filter((rule) => !isHook(rule)).map((rule) => `add rule ${at} ${name} ${rule}`),
      ),
    ],
    removals: [
      ...goneCollections.map(([name, line]) => `delete ${kindOf(line)} ${at} ${name}`),
      ...gone.map((name) => `delete chain ${at} ${name}`),
    ],
  };
}

function hookChanges(before: RulesetConfig, after: RulesetConfig, name: string): string[] {
  const hooks = interfaceHooks(after, name);
  const same = before.interfaces.includes(name) && interfaceHooks(before, name).join('\n') === hooks.join('\n');
  return same ? [] : hooks;
}

function isHook(rule: string | undefined): boolean {
  return rule?.startsWith('type filter hook ') === true;
}

function kindOf(line: string): 'set' | 'map' {
  return line.startsWith('set ') ? 'set' : 'map';
}

/**
 * Of the lines that the ruleset is written in: `set NAME { … }`, `map NAME { … }`, and `chain NAME {`, its rules, `}`. Counters (`counter NAME { }`)
 * are the same whatever the configuration, and left alone.
 */
function partsOf(body: readonly string[]): Parts {
  const collections = new Map<string, string>();
  const chains = new Map<string, string[]>();
  let rules: string[] = [];
  for (const raw of body) {
    const line = raw.trim();
    const [, kind, name] = /^(set|map|chain|counter) (\S+) \{/.exec(line) ?? [];
    if ((kind === 'set' || kind === 'map') && name !== undefined) collections.set(name, line);
    else if (kind === 'chain' && name !== undefined) {
      rules = [];
      chains.set(name, rules);
    } else if (kind !== 'counter' && line !== '}') rules.push(line);
  }
  return { collections, chains };
}
