import { leftOut, refused } from './finding.ts';
import { type Report, type Settings, settingsOf } from './settings.ts';
import { partOf, type TomlLine, tomlString } from './toml.ts';
import type { Statement } from './tree.ts';

const PASSWORD_MAX = 8;

/** `authentication { }` of an instance. No finding repeats the password. */
export function authentication(settings: Settings, version: 2 | 3 | undefined, report: Report): TomlLine[] {
  const statements = settings.entries('authentication');
  if (statements.length === 0) return [];
  for (const statement of statements) {
    const keyword = statement.words[0] ?? '';
    if (!['auth_type', 'auth_pass'].includes(keyword)) {
      report(refused(statement, `'${keyword}' is not a keyword of authentication`, 'take it out, or correct it'));
    } else if (statement.words.length > 2 || statement.block !== undefined) {
      report(refused(statement, `'${keyword}' has more than one value`, 'put a value with blanks into double quotes'));
    }
  }
  const { one } = settingsOf(statements, report);
  const type = one('auth_type');
  const password = one('auth_pass');
  const ignored = (statement: Statement | undefined, why: string): TomlLine[] => {
    if (statement !== undefined) report(leftOut(statement, `'${statement.words[0]}': keepalived ignores it ${why}`));
    return [];
  };
  if (type === undefined) return ignored(password, 'without auth_type');
  if (version === 3) return ignored(type, 'in version 3, which has no passwords');
  if (type.words[1] === 'AH') {
    const what = "'auth_type AH': the IPsec header is not spoken here";
    report(refused(type, what, 'go over to auth_type PASS, or to none, on every node first'));
    return [];
  }
  if (type.words[1] !== 'PASS') {
    report(refused(type, `'auth_type ${type.words[1] ?? ''}': neither PASS nor AH`, 'correct it'));
    return [];
  }
  if (password === undefined || (password.words[1] ?? '') === '') return ignored(type, 'without auth_pass');
  return passwordLine(password, report);
}

function passwordLine(statement: Statement, report: Report): TomlLine[] {
  const bytes = Buffer.from(statement.words[1] ?? '');
  const password = bytes.subarray(0, PASSWORD_MAX).toString('latin1');
  if (!/^[\x21-\x7e]+$/.test(password)) {
    const what = "'auth_pass': has blanks, or signs that are not ASCII";
    report(refused(statement, what, 'set one of letters, digits and signs on every node first'));
    return [];
  }
  const note = bytes.length > PASSWORD_MAX ? { note: 'keepalived uses the first 8 characters alone' } : {};
  return partOf(statement, 'auth_pass', [{ text: `auth_pass = ${tomlString(password)}`, from: statement, ...note }]);
}
