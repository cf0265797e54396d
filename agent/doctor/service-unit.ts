import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import { type Finding, ok, warning } from './finding.ts';

const NAME = 'tiebreak.service';
/** The first that has the unit counts (systemd.unit(5)). */
const FOLDERS = ['/etc/systemd/system', '/run/systemd/system', '/usr/local/lib/systemd/system', '/lib/systemd/system'];
/** Between two engines nobody feeds the watchdog. */
const WATCHDOG_LEAST_S = 20;

/** The settings of its section `[Service]`, drop-ins included. */
export type ServiceUnit = { readonly path: string; readonly settings: ReadonlyMap<string, string> };

/** undefined: there is no unit. `root`: of the file system that is looked at. */
export function readServiceUnit(root = '/'): ServiceUnit | undefined {
  const folders = FOLDERS.map((folder) => join(root, folder));
  const path = folders.map((folder) => join(folder, NAME)).find((file) => existsSync(file));
  if (path === undefined) return undefined;
  const dropIns = folders
    .map((folder) => join(folder, `${NAME}.d`))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((file) => file.endsWith('.conf'));
  return { path, settings: serviceSettings([path, ...dropIns].map((file) => readFileSync(file, 'utf8'))) };
}

/** Of several files the later ones add to lists, and replace what is no list; an empty value empties. */
export function serviceSettings(texts: readonly string[]): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  for (const text of texts) {
    let section = '';
    for (const line of text.replaceAll(/\\\n/g, ' ').split('\n')) {
      section = /^\[(.+)\]\s*$/.exec(line)?.[1] ?? section;
      const [, key, value] = /^([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      if (section !== 'Service' || key === undefined || value === undefined) continue;
      const former = settings.get(key);
      const adds = LISTS.has(key) && former !== undefined && former !== '' && value !== '';
      settings.set(key, adds ? `${former} ${value}` : value);
    }
  }
  return settings;
}

const LISTS: ReadonlySet<string> = new Set(['CapabilityBoundingSet', 'RuntimeDirectory']);

export function judgeServiceUnit(unit: ServiceUnit | undefined, config: Config): readonly Finding[] {
  const topic = 'systemd unit';
  if (unit === undefined) return [];
  const { path, settings } = unit;
  const tell = (found: string, setting: string): Finding =>
    warning(topic, `${path}: ${found}`, `write ${setting} into it (docs/systemd.md), then systemctl daemon-reload`);
  const findings = [
    ...judgeRunDirectory(settings, config, tell),
    ...judgeWatching(settings, tell),
    ...judgeCapabilities(settings, config, tell),
  ];
  return findings.length > 0 ? findings : [ok(topic, `${path} has what the agent needs`)];
}

type Tell = (found: string, setting: string) => Finding;

function judgeRunDirectory(settings: ReadonlyMap<string, string>, { runDir }: Config, tell: Tell): Finding[] {
  const made = (settings.get('RuntimeDirectory') ?? '').split(/\s+/).filter((name) => name !== '');
  const isMade = made.some((name) => runDir === `/run/${name}` || runDir.startsWith(`/run/${name}/`));
  if (
    !isMade ||
    isYes(settings.get('RuntimeDirectoryPreserve')) ||
    settings.get('RuntimeDirectoryPreserve') === 'restart'
  ) {
    return isMade && settings.get('RuntimeDirectoryPreserve') === 'restart'
      ? [tell('its votes are lost when it is stopped, so that a start waits 10 s', 'RuntimeDirectoryPreserve=yes')]
      : [];
  }
  return [
    tell(
      `systemd removes ${runDir} with each stop, and with it the recorded votes: a start waits 10 s`,
      'RuntimeDirectoryPreserve=yes',
    ),
  ];
}

function judgeWatching(settings: ReadonlyMap<string, string>, tell: Tell): Finding[] {
  const findings: Finding[] = [];
  if (settings.get('Type') !== 'notify')
    findings.push(tell('systemd does not hear when the agent is ready', 'Type=notify'));
  if (settings.get('Type') === 'notify' && settings.get('NotifyAccess') !== 'all') {
    findings.push(tell('the engine, a child, speaks for the service, and is not heard', 'NotifyAccess=all'));
  }
  const watchdogS = secondsOf(settings.get('WatchdogSec'));
  if (watchdogS !== undefined && watchdogS > 0 && watchdogS < WATCHDOG_LEAST_S) {
    findings.push(tell(`a watchdog of ${watchdogS} s ends the agent between two engines`, 'WatchdogSec=30s'));
  }
  if (!['always', 'on-failure'].includes(settings.get('Restart') ?? 'no')) {
    findings.push(tell('nothing starts the agent again', 'Restart=always'));
  }
  if (!['control-group', undefined].includes(settings.get('KillMode'))) {
    findings.push(tell('when the guardian has gone, the engine is killed or left behind', 'KillMode=control-group'));
  }
  return findings;
}

function judgeCapabilities(settings: ReadonlyMap<string, string>, { groups }: Config, tell: Tell): Finding[] {
  const bounding = settings.get('CapabilityBoundingSet');
  if (bounding === undefined || bounding.startsWith('~')) return [];
  const asOthers = groups.some(({ checks }) => checks.some((check) => check.kind === 'command' && check.user !== null));
  const wanted = ['CAP_NET_ADMIN', 'CAP_NET_RAW', ...(asOthers ? ['CAP_SETUID', 'CAP_SETGID', 'CAP_KILL'] : [])];
  const missing = wanted.filter((name) => !bounding.toUpperCase().split(/\s+/).includes(name));
  if (missing.length === 0) return [];
  return [tell(`it takes ${missing.join(', ')} away from the agent`, `CapabilityBoundingSet=${wanted.join(' ')}`)];
}

function isYes(value: string | undefined): boolean {
  return ['yes', 'true', 'on', '1'].includes(value ?? '');
}

/** `30`, `30s`, `1min`; undefined for other forms. */
function secondsOf(text: string | undefined): number | undefined {
  const [, count, unit = 's'] = /^(\d+)\s*(ms|s|sec|min|m)?$/.exec(text ?? '') ?? [];
  if (count === undefined) return undefined;
  return Number(count) * (unit === 'ms' ? 0.001 : unit.startsWith('m') ? 60 : 1);
}
