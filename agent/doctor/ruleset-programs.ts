import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Finding, ok, warning } from './finding.ts';

/** What loads whole rulesets, and how. */
export type RulesetProgram = { readonly service: string; readonly enabled: boolean; readonly flushes: boolean };

const UNITS = '/etc/systemd/system';
/** Debian and Fedora have the file at different places. */
const FILES = ['/etc/nftables.conf', '/etc/sysconfig/nftables.conf'];

/** `root`: of the file system that is looked at. */
export function readRulesetProgram(root = '/'): RulesetProgram {
  const units = join(root, UNITS);
  const wants = existsSync(units) ? readdirSync(units).filter((name) => name.endsWith('.wants')) : [];
  const enabled = wants.some((name) => readdirSync(join(units, name)).includes('nftables.service'));
  const texts = FILES.map((file) => join(root, file)).filter((file) => existsSync(file));
  return {
    service: 'nftables.service',
    enabled,
    flushes: texts.some((file) => /^\s*flush\s+ruleset\b/m.test(readFileSync(file, 'utf8'))),
  };
}

export function judgeRulesetProgram({ service, enabled, flushes }: RulesetProgram): readonly Finding[] {
  const topic = 'rulesets';
  if (!enabled || !flushes) return [ok(topic, 'no service is seen that flushes all of nftables')];
  const found = `${service} is enabled, and begins with 'flush ruleset': each reload takes the fence away until the agent has put it back`;
  return [
    warning(
      topic,
      found,
      "in /etc/nftables.conf write 'table inet filter; flush table inet filter' instead, for each table of yours",
    ),
  ];
}
