import { refused } from './finding.ts';
import { untranslated } from './no-equivalent.ts';
import { commandLine, type Programs } from './programs.ts';
import {
  quoted,
  type Report,
  refuseOtherShapes,
  type Settings,
  type Shape,
  settingsOf,
  VALUE,
  WORD,
  wholeNumber,
} from './settings.ts';
import { type TomlLine, tomlString } from './toml.ts';
import type { Statement } from './tree.ts';
import { type Defined, presetWeight } from './weight.ts';

const TRANSLATED: ReadonlyMap<string, Shape> = new Map([
  ['script', VALUE],
  ['interval', VALUE],
  ['timeout', VALUE],
  ['weight', { words: 3, block: false }],
  ['rise', VALUE],
  ['fall', VALUE],
  ['user', { words: 3, block: false }],
  ['init_fail', WORD],
]);
const SECONDS_MAX = 86_400;
const IN_A_ROW_MAX = 100;

/** A vrrp_script: a check by command. Undefined after it was refused. */
export function scriptLines(definition: Statement, programs: Programs, report: Report): Defined | undefined {
  const statements = definition.block ?? [];
  for (const finding of untranslated(statements, TRANSLATED, new Map())) report(finding);
  refuseOtherShapes(statements, TRANSLATED, report);
  const settings = settingsOf(statements, report);
  const script = settings.one('script');
  if (script === undefined) {
    report(refused(definition, `${quoted(definition)} has no script`, 'add it'));
    return undefined;
  }
  const initFail = settings.one('init_fail');
  if (initFail !== undefined) {
    const what = "'init_fail': until its first look, which comes at once, a check speaks for nothing";
    report(refused(initFail, what, 'take it out of the configuration first'));
  }
  const weight = presetWeight(settings.one('weight'), report);
  const look = connection(script) ?? command(script, settings.one('user'), programs);
  if (look.length === 0 || weight === undefined) return undefined;
  return {
    weight,
    lines: [
      ...look,
      ...secondsLine(settings, 'interval', report),
      ...secondsLine(settings, 'timeout', report),
      ...countLine(settings, 'rise', report),
      ...countLine(settings, 'fall', report),
    ],
  };
}

/** `</dev/tcp/HOST/PORT`, which bash takes for a connection. */
function connection(script: Statement): TomlLine[] | undefined {
  const [, host, port] = /^<\s*\/dev\/tcp\/([^/\s]+)\/(\d{1,5})$/.exec(script.words[1]?.trim() ?? '') ?? [];
  if (host === undefined) return undefined;
  const target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return [{ text: `tcp = ${tomlString(target)}`, from: script }];
}

/** None after it was refused. */
function command(script: Statement, user: Statement | undefined, programs: Programs): TomlLine[] {
  const found = programs.takeCheck(script, { place: user ?? script, words: user?.words.slice(1) ?? [] });
  if (found === undefined) return [];
  return [
    commandLine(found, script),
    ...(found.user === undefined ? [] : [{ text: `user = ${tomlString(found.user)}` }]),
  ];
}

/** keepalived counts whole seconds here, and takes 0 for 1. */
function secondsLine(settings: Settings, keyword: 'interval' | 'timeout', report: Report): TomlLine[] {
  const statement = settings.one(keyword);
  const value = statement === undefined ? undefined : wholeNumber(statement, 0, SECONDS_MAX, report);
  return statement === undefined || value === undefined
    ? []
    : [{ text: `${keyword} = "${Math.max(1, value)}s"`, from: statement }];
}

function countLine(settings: Settings, keyword: 'rise' | 'fall', report: Report): TomlLine[] {
  const statement = settings.one(keyword);
  const value = statement === undefined ? undefined : wholeNumber(statement, 1, IN_A_ROW_MAX, report);
  return statement === undefined || value === undefined ? [] : [{ text: `${keyword} = ${value}`, from: statement }];
}
