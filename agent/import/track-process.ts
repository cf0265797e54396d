import { refused } from './finding.ts';
import { untranslated } from './no-equivalent.ts';
import { quoted, type Report, refuseOtherShapes, type Shape, settingsOf, VALUE, wholeNumber } from './settings.ts';
import { tomlString } from './toml.ts';
import type { Statement } from './tree.ts';
import { type Defined, presetWeight } from './weight.ts';

const ANY: Shape = { words: Number.POSITIVE_INFINITY, block: false };
const TRANSLATED: ReadonlyMap<string, Shape> = new Map([
  ['process', ANY],
  ['weight', { words: 3, block: false }],
  ['quorum', VALUE],
  ['quorum_max', ANY],
  ['param_match', ANY],
  ['full_command', ANY],
  ['fork_delay', ANY],
  ['terminate_delay', ANY],
  ['delay', ANY],
]);
const INSTEAD = 'write a [[group.check]] with a command, such as pgrep';

/** A vrrp_track_process: a check by process. Undefined after it was refused. */
export function processLines(definition: Statement, report: Report): Defined | undefined {
  const statements = definition.block ?? [];
  for (const finding of untranslated(statements, TRANSLATED, new Map())) report(finding);
  refuseOtherShapes(statements, TRANSLATED, report);
  const settings = settingsOf(statements, report);
  const process = settings.first('process');
  const [, name = '', ...parameters] = process?.words ?? [];
  if (process === undefined || name === '') {
    report(refused(definition, `${quoted(definition)} names no process`, 'add it'));
    return undefined;
  }
  const others = [
    ...(parameters.length > 0 || name.includes('/') ? [process] : []),
    ...['quorum_max', 'param_match', 'full_command'].flatMap((keyword) => settings.one(keyword) ?? []),
  ];
  for (const other of others) {
    report(refused(other, `${quoted(other)}: a check by process asks how many of that name run`, INSTEAD));
  }
  for (const keyword of ['fork_delay', 'terminate_delay', 'delay']) {
    const delay = settings.one(keyword);
    if (delay !== undefined) {
      report(refused(delay, `${quoted(delay)}: a check counts looks in a row instead`, 'write rise and fall'));
    }
  }
  const weight = presetWeight(settings.one('weight'), report);
  if (weight === undefined || others.length > 0) return undefined;
  const quorum = settings.one('quorum');
  const least = quorum === undefined ? undefined : wholeNumber(quorum, 1, 65_535, report);
  return {
    weight,
    lines: [
      { text: `process = ${tomlString(name)}`, from: process },
      ...(quorum === undefined || least === undefined ? [] : [{ text: `quorum = ${least}`, from: quorum }]),
    ],
  };
}
