import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type Finding, ok, warning } from './finding.ts';

const NAMES: ReadonlySet<string> = new Set(['keepalived', 'vrrpd', 'uvrrpd', 'ucarp', 'carpd']);

export type RunningProgram = { readonly name: string; readonly pid: number };

/** Other programs of the kind that share this process's network. */
export function readVrrpPrograms(): readonly RunningProgram[] {
  const here = readlinkSync('/proc/self/ns/net');
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const name = readFileSync(`/proc/${entry}/comm`, 'utf8').trim();
      if (!NAMES.has(name) || readlinkSync(`/proc/${entry}/ns/net`) !== here) return [];
      return [{ name, pid: Number(entry) }];
    } catch {
      // It has ended, or is another user's.
      return [];
    }
  });
}

export function judgeVrrpPrograms(programs: readonly RunningProgram[]): readonly Finding[] {
  if (programs.length === 0) return [ok('other programs', 'no other VRRP or CARP program runs here')];
  const byName = Map.groupBy(programs, ({ name }) => name);
  return Array.from(byName, ([name, of]) => {
    const found = `${name} runs here too (pid ${of.map(({ pid }) => pid).join(', ')})`;
    const remedy = `stop it (systemctl disable --now ${name}) once what it does has come over, and never give both one address or virtual router id`;
    return warning('other programs', found, remedy);
  });
}
