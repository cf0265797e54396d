import { broken, type ImportFinding, type Place } from './finding.ts';
import type { Word } from './words.ts';

/** A statement of the configuration: a keyword with its values, or with a block below it. */
export type Statement = Place & {
  readonly words: readonly string[];
  /** The statements between its braces; undefined if it has none. */
  readonly block: readonly Statement[] | undefined;
};

type Open = Place & { readonly words: readonly string[]; block: Open[] | undefined };

/** Puts words together into statements and blocks, line by line. */
export class TreeBuilder {
  readonly #top: Open[] = [];
  readonly #stack: { readonly owner: Open; readonly block: Open[] }[] = [];
  readonly #findings: ImportFinding[] = [];

  addLine(words: readonly Word[], place: Place): void {
    let pending: string[] = [];
    const flush = (): void => {
      if (pending.length > 0) this.#current().push({ ...place, words: pending, block: undefined });
      pending = [];
    };
    for (const word of separateBrace(words)) {
      if (!word.quoted && word.text === '{') {
        flush();
        this.#openBlock(place);
      } else if (!word.quoted && word.text === '}') {
        flush();
        this.#closeBlock(place);
      } else {
        pending.push(word.text);
      }
    }
    flush();
  }

  finish(): { statements: readonly Statement[]; findings: readonly ImportFinding[] } {
    for (const { owner } of this.#stack) {
      this.#findings.push(broken(owner, `the block of '${owner.words[0]}' is not closed`, 'add the missing }'));
    }
    return { statements: this.#top, findings: this.#findings };
  }

  #current(): Open[] {
    return this.#stack.at(-1)?.block ?? this.#top;
  }

  #openBlock(place: Place): void {
    const owner = this.#current().at(-1);
    if (owner === undefined || owner.block !== undefined) {
      this.#findings.push(
        broken(place, 'a block without a keyword in front of its {', 'remove the {, or add the keyword'),
      );
      // Its content is read all the same, so that the closing brace finds its match.
      this.#stack.push({ owner: { ...place, words: ['{'], block: undefined }, block: [] });
      return;
    }
    owner.block = [];
    this.#stack.push({ owner, block: owner.block });
  }

  #closeBlock(place: Place): void {
    if (this.#stack.pop() === undefined) {
      this.#findings.push(broken(place, 'a } that closes nothing', 'remove it, or add the { that is missing above'));
    }
  }
}

/** `VI_1{` at the end of a line is the word and a brace. */
function separateBrace(words: readonly Word[]): readonly Word[] {
  const last = words.at(-1);
  if (last === undefined || last.quoted || last.text.length === 1 || !last.text.endsWith('{')) return words;
  return [...words.slice(0, -1), { text: last.text.slice(0, -1), quoted: false }, { text: '{', quoted: false }];
}
