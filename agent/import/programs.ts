import { leftOut, type Place, refused } from './finding.ts';
import { quoted, type Report } from './settings.ts';
import { type TomlLine, tomlStrings } from './toml.ts';
import type { Statement } from './tree.ts';
import { commandWords } from './words.ts';

/** The absolute path of a program that is named without one, as `PATH` has it; undefined if there is none. */
export type FindProgram = (name: string) => string | undefined;

/** A program with its arguments, as an array of TOML. */
export type Command = { readonly toml: string; readonly note?: string; readonly user?: string };

type User = { readonly place: Place; readonly words: readonly string[] };

export function commandLine({ toml, note }: Command, from: Statement): TomlLine {
  return { text: `command = ${toml}`, from, ...(note === undefined ? {} : { note }) };
}

/** The programs that keepalived runs: without a shell, its own way of splitting words, each as a user of its own. */
export class Programs {
  readonly #find: FindProgram;
  readonly #scriptUser: Statement | undefined;
  readonly #report: Report;
  #saidOfUser = false;

  /** @param scriptUser `script_user` of global_defs, which counts where a program has no user of its own */
  constructor(find: FindProgram, scriptUser: Statement | undefined, report: Report) {
    this.#find = find;
    this.#scriptUser = scriptUser;
    this.#report = report;
  }

  /**
   * Undefined after it was refused.
   *
   * @param statement its second word is the program with its arguments
   * @param user where a user stands, and the words of it: name, and perhaps group
   */
  take(statement: Statement, user: User): Command | undefined {
    const command = this.#split(statement);
    return command !== undefined && this.#runsAsRoot(statement, user) ? command : undefined;
  }

  /** The same for a check, which may have a user of its own. */
  takeCheck(statement: Statement, user: User): Command | undefined {
    const [name, group] = user.words.length > 0 ? user.words : (this.#scriptUser?.words.slice(1) ?? []);
    if (name === undefined || name === 'root' || (group !== undefined && group !== name))
      return this.take(statement, user);
    const command = this.#split(statement);
    if (command === undefined) return undefined;
    const what = `${quoted(statement)} is run as '${name}': the unit needs three more capabilities`;
    this.#report(leftOut(statement, what, 'docs/systemd.md names them'));
    return { ...command, user: name };
  }

  #split(statement: Statement): Command | undefined {
    const text = statement.words[1] ?? '';
    const words = commandWords(text)?.map((word) => word.text);
    const [program, ...rest] = words ?? [];
    const said = quoted(statement);
    const refuse = (what: string, instead: string): undefined => {
      this.#report(refused(statement, `${said}: ${what}`, instead));
      return undefined;
    };
    if (words === undefined) return refuse('a quotation that is not closed', 'add the missing quote');
    if (program === undefined || program === '') return refuse('names no program', 'name one');
    if (/^<\s*\//.test(text)) {
      return refuse('looks whether a file can be opened', 'write a [[group.check]] with file = "/path"');
    }
    if (/(?:^|\/)(?:kill|pkill|killall)$/.test(program) && rest.includes('-0')) {
      const what = `${said}: under the unit of docs/systemd.md, it cannot signal processes of other users`;
      this.#report(leftOut(statement, what, 'pidof can see them; so can a [[group.check]] with process = "NAME"'));
    }
    if (program.startsWith('/')) return { toml: tomlStrings([program, ...rest]) };
    if (program.includes('/')) return refuse('depends on the directory', 'write the absolute path of the program');
    const found = this.#find(program);
    if (found === undefined) {
      return refuse(`there is no ${program} in the path of programs here`, 'write the absolute path of the program');
    }
    return { toml: tomlStrings([found, ...rest]), note: `${program}, as it was found on this host` };
  }

  #runsAsRoot(program: Statement, own: User): boolean {
    const user = own.words.length > 0 ? own.words : (this.#scriptUser?.words.slice(1) ?? []);
    const place = own.words.length > 0 ? own.place : (this.#scriptUser ?? program);
    if (user.length === 0) {
      this.#sayWhoRunsIt(program);
      return true;
    }
    if (user.every((name) => name === 'root')) return true;
    const what = `${quoted(program)} is run as '${user.join(' ')}', and here as root`;
    const instead =
      'take the user out if root may run it (arguments need quotes); or let a service of that user report';
    this.#report(refused(place, what, instead));
    return false;
  }

  #saidOnce(): boolean {
    const said = this.#saidOfUser;
    this.#saidOfUser = true;
    return said;
  }

  #sayWhoRunsIt(program: Statement): void {
    if (this.#saidOnce()) return;
    const what = `${quoted(program)}: keepalived runs programs as keepalived_script if there is such a user, and else as root`;
    this.#report(leftOut(program, what, 'here all of them are run as root'));
  }
}
