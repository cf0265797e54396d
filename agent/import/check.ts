import { leftOut, type Place, refused } from './finding.ts';
import type { Names } from './names.ts';
import type { Report } from './settings.ts';
import { partOf, type TomlLine, tomlString } from './toml.ts';

/** A thing that is tracked by an instance or a sync group, on its way to a `[[group.check]]`. */
export type CheckDraft = {
  readonly place: Place;
  readonly kind: 'script' | 'process' | 'interface';
  /** As keepalived names it. */
  readonly name: string;
  /** 0: failing gives the group up. Positive: lost while it fails. Negative: added then. */
  readonly weight: number;
  /** What it looks at, and how often. */
  readonly lines: readonly TomlLine[];
};

/** What members of a sync group track: keepalived lets their weights not count, as the priorities would part. */
export function withoutWeights(checks: readonly CheckDraft[], report: Report): CheckDraft[] {
  return checks.flatMap((check) => (check.weight === 0 ? [check] : withoutWeight(check, report)));
}

function withoutWeight(check: CheckDraft, report: Report): CheckDraft[] {
  const what = `${check.name} with weight ${check.weight}, in a member of a sync group`;
  switch (check.kind) {
    case 'script':
      report(leftOut(check.place, `${what}: keepalived ignores it`, 'the sync group can track it with its weight'));
      return [];
    case 'interface':
      report(leftOut(check.place, `${what}: keepalived ignores the weight, and so the group is given up`));
      return [{ ...check, weight: 0 }];
    case 'process':
      report(refused(check.place, `${what}: the priorities of its members would part`, 'let the sync group track it'));
      return [];
  }
}

/** The host of the addresses itself, with priority 255, has no other priority. */
export function ofAddressOwner(checks: readonly CheckDraft[], inSyncGroup: boolean, report: Report): CheckDraft[] {
  return checks.flatMap((check) => {
    if (check.weight === 0) return [check];
    const what = `${check.name} with weight ${check.weight}, beside priority 255: keepalived ignores`;
    report(leftOut(check.place, inSyncGroup ? `${what} the weight, and so the group is given up` : `${what} it`));
    return inSyncGroup ? [{ ...check, weight: 0 }] : [];
  });
}

/** What several track is one check; without a weight if any of them has none. */
export function merged(checks: readonly CheckDraft[]): CheckDraft[] {
  const byThing = new Map<string, CheckDraft>();
  for (const check of checks) {
    const key = `${check.kind} ${check.name}`;
    const earlier = byThing.get(key);
    if (earlier === undefined) byThing.set(key, check);
    else if (check.weight === 0) byThing.set(key, { ...earlier, weight: 0 });
  }
  return [...byThing.values()];
}

export function checkLines({ place, name, weight, lines }: CheckDraft, names: Names): TomlLine[] {
  return partOf(place, `the check ${name}`, [
    { text: '' },
    { text: '[[group.check]]', from: place },
    { text: `name = ${tomlString(names.take(name, 'check'))}` },
    ...lines,
    ...(weight === 0 ? [] : [{ text: `weight = ${weight}` }]),
  ]);
}
