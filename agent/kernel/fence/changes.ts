import type { RulesetConfig } from './config.ts';
import { ipv6Key, type LeasedElement, ownedElements } from './lease-chains.ts';
import { type FenceTable, interfaceHooks, tablesOf, virtualAddresses } from './ruleset.ts';

/** By name: the set's own line, or a chain's rules. */
type Parts = {
  readonly sets: ReadonlyMap<string, string>;
  readonly maps: ReadonlyMap<string, string>;
  readonly chains: ReadonlyMap<string, readonly string[]>;
};

/** An element may be added and deleted in one transaction: so that it is gone, whether it was there or not. */
const PASSING = 'timeout 1s';

/**
 * The text that makes the tables of `before` those of `after`, one transaction: what is owned stays owned for as long as it
 * would have been, and only what is withdrawn is let through no longer. Nothing is let through that was not. Empty: they are
 * as they should be.
 *
 * @param present the interfaces that exist now: the kernel refuses a transaction that names another
 */
export function changedRuleset(before: RulesetConfig, after: RulesetConfig, present: ReadonlySet<string>): string {
  const [former, now] = [tablesOf(before), tablesOf(after)];
  const tables = now.map(({ family, body }) => {
    const same = former.find((table) => table.family === family);
    return changesOfTable(family, partsOf(same?.body ?? []), partsOf(body));
  });
  return [
    ...tables.flatMap(({ newSets }) => newSets),
    ...now.flatMap((table) => addressChanges(table, before, after)),
    ...tables.flatMap(({ chains }) => chains),
    ...after.interfaces.filter((name) => present.has(name)).flatMap((name) => hookChanges(before, after, name)),
    ...tables.flatMap(({ oldChains }) => oldChains),
    ...now.flatMap((table) => withdrawals(table, after)),
    ...tables.flatMap(({ oldSets }) => oldSets),
    '',
  ].join('\n');
}

/** Of a map's line. */
const ELEMENTS = / elements = \{ (.*?) \};/;

function changesOfTable(family: FenceTable['family'], before: Parts, after: Parts) {
  const at = `${family} tiebreak`;
  const gone = [...before.chains.keys()].filter((name) => !after.chains.has(name));
  const changed = [...after.chains].filter(([name, rules]) => before.chains.get(name)?.join('\n') !== rules.join('\n'));
  const added = changed.filter(([name]) => !before.chains.has(name));
  const newMaps = [...after.maps].filter(([name]) => !before.maps.has(name));
  const filled = [...after.maps].filter(([name, line]) => before.maps.get(name) !== line);
  const emptied = [...before.maps].filter(([name, line]) => after.maps.get(name) !== line);
  return {
    newSets: [...after.sets].flatMap(([name, line]) =>
      before.sets.has(name) ? [] : [line.replace(/^set /, `add set ${at} `)],
    ),
    chains: [
      ...added.map(
        ([name, rules]) => `add chain ${at} ${name}${isHook(rules[0]) ? ` { ${rules[0]?.replace(/;$/, '')}; }` : ''}`,
      ),
      ...changed.filter(([name]) => before.chains.has(name)).map(([name]) => `flush chain ${at} ${name}`),
      ...gone.map((name) => `flush chain ${at} ${name}`),
      // They lead to chains, which are there by now.
      ...newMaps.map(([, line]) => line.replace(ELEMENTS, '').replace(/^map /, `add map ${at} `)),
      ...emptied.map(([name]) => `flush map ${at} ${name}`),
      ...filled.map(([name, line]) => `add element ${at} ${name} { ${ELEMENTS.exec(line)?.[1]} }`),
      ...changed.flatMap(([name, rules]) =>
        rules.filter((rule) => !isHook(rule)).map((rule) => `add rule ${at} ${name} ${rule}`),
      ),
    ],
    oldChains: gone.map((name) => `delete chain ${at} ${name}`),
    oldSets: [
      ...[...before.maps.keys()].filter((name) => !after.maps.has(name)).map((name) => `delete map ${at} ${name}`),
      ...[...before.sets.keys()].filter((name) => !after.sets.has(name)).map((name) => `delete set ${at} ${name}`),
    ],
  };
}

function addressChanges({ family, duties }: FenceTable, before: RulesetConfig, after: RulesetConfig): string[] {
  if (duties === undefined) return [];
  return (['ipv4', 'ipv6'] as const).flatMap((kind) => {
    const key = (address: string) => (kind === 'ipv4' ? address : ipv6Key(address, duties.ipv6Keys));
    const former = new Set(virtualAddresses(before, kind));
    const now = new Set(virtualAddresses(after, kind));
    const set = `${family} tiebreak vip${kind === 'ipv4' ? 4 : 6}`;
    return [
      ...elements('add', set, [...now].filter((address) => !former.has(address)).map(key)),
      ...elements('delete', set, [...former].filter((address) => !now.has(address)).map(key)),
    ];
  });
}

function hookChanges(before: RulesetConfig, after: RulesetConfig, name: string): string[] {
  const hooks = interfaceHooks(after, name);
  const same = before.interfaces.includes(name) && interfaceHooks(before, name).join('\n') === hooks.join('\n');
  return same ? [] : hooks;
}

function withdrawals({ family, duties }: FenceTable, { groups }: RulesetConfig): string[] {
  if (duties === undefined) return [];
  return groups
    .flatMap(({ id, withdrawn }) =>
      withdrawn === undefined ? [] : ownedElements({ ...withdrawn, id, gatewayInterfaces: [] }, duties),
    )
    .flatMap(({ set, key }: LeasedElement) => [
      `add element ${family} tiebreak ${set} { ${key} ${PASSING} }`,
      `delete element ${family} tiebreak ${set} { ${key} }`,
    ]);
}

function elements(act: 'add' | 'delete', set: string, keys: readonly string[]): string[] {
  return keys.length === 0 ? [] : [`${act} element ${set} { ${keys.join(', ')} }`];
}

function isHook(rule: string | undefined): boolean {
  return rule?.startsWith('type filter hook ') === true;
}

/**
 * Of the lines that the ruleset is written in: `set NAME { … }`, `map NAME { … }`, and `chain NAME {`, its rules, `}`. Counters (`counter NAME { }`)
 * are the same whatever the configuration, and left alone.
 */
function partsOf(body: readonly string[]): Parts {
  const sets = new Map<string, string>();
  const maps = new Map<string, string>();
  const chains = new Map<string, string[]>();
  let rules: string[] = [];
  for (const raw of body) {
    const line = raw.trim();
    const [, kind, name] = /^(set|map|chain|counter) (\S+) \{/.exec(line) ?? [];
    if (kind === 'set' && name !== undefined) sets.set(name, line);
    else if (kind === 'map' && name !== undefined) maps.set(name, line);
    else if (kind === 'chain' && name !== undefined) {
      rules = [];
      chains.set(name, rules);
    } else if (kind !== 'counter' && line !== '}') rules.push(line);
  }
  return { sets, maps, chains };
}
