import { translateGroups } from '../../../agent/import/groups.ts';
import { type ImportFinding, readKeepalived, type Translation, translate } from '../../../agent/import/index.ts';
import { Programs } from '../../../agent/import/programs.ts';
import { renderToml } from '../../../agent/import/toml.ts';
import { Tracking } from '../../../agent/import/tracking.ts';

export type Files = Readonly<Record<string, string>>;

/** Reads `text` as `main.conf`, with the other files at hand; an include names them as they are called. */
export function read(text: string, configId = 'here', files: Files = {}) {
  const include = (pattern: string) =>
    Object.entries(files).flatMap(([file, content]) =>
      file === pattern || (pattern.endsWith('*') && file.startsWith(pattern.slice(0, -1)))
        ? [{ file, text: content }]
        : [],
    );
  return readKeepalived({ file: 'main.conf', text }, { configId, include });
}

export function translated(text: string, configId?: string, files?: Files): Translation {
  return translate(read(text, configId, files), { file: 'main.conf', node: 'a', findProgram });
}

export function said({ kind, file, line, what, instead }: ImportFinding): string {
  return `${file}:${line}: ${kind}: ${what}${instead === undefined ? '' : `; ${instead}`}`;
}

/** An instance that nothing is to be said of, with more lines from line 6 on. */
export function instance(...more: readonly string[]): string {
  return [
    'vrrp_instance VI_1 {',
    'interface eth0',
    'virtual_router_id 51',
    'advert_int 2',
    'virtual_ipaddress { 192.0.2.100/24 }',
    ...more,
    '}',
  ].join('\n');
}

/** The programs of the host that it is translated on. */
function findProgram(name: string): string | undefined {
  return name === 'pidof' ? '/usr/bin/pidof' : undefined;
}

/** The lines of all groups before they are loaded: also what another version of this program can load only. */
export function drafted(text: string): { readonly toml: string; readonly findings: readonly string[] } {
  const { statements } = read(text);
  const findings: ImportFinding[] = [];
  const report = (finding: ImportFinding): void => void findings.push(finding);
  const programs = new Programs(findProgram, undefined, report);
  const tracking = new Tracking(statements, programs, report);
  const interval = { ipv4: undefined, ipv6: undefined };
  const announce = { of: new Map(), minimal: undefined, interval, intervals: new Map() };
  const defaults = { version: undefined, interface: undefined, announce };
  const groups = translateGroups(statements, { defaults, tracking, programs, report });
  return { toml: renderToml(groups.flatMap(({ lines }) => lines)), findings: findings.map(said) };
}
