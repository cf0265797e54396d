/** A word of a line; braces inside quotes are text like any other. */
export type Word = { readonly text: string; readonly quoted: boolean };

const COMMENT = new Set(['!', '#']);
/** What takes a command line, wherever on its line it stands; all else is split at blanks and double quotes alone. */
const TAKES_COMMAND = /(?:^|[{}\s])(?:\w+_)?(?:script|notify)(?:_\w+)?\s/;
const CONTROL_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['a', '\x07'],
  ['b', '\b'],
  ['E', '\x1b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
]);

/** The line without its comment, which `!` or `#` starts anywhere outside double quotes; single ones do not keep it in. */
export function withoutComment(line: string): string {
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at);
    if (char === '\\') at++;
    else if (char === '"') quoted = !quoted;
    else if (!quoted && COMMENT.has(char)) return line.slice(0, at);
  }
  return line;
}

/** The words of a line without comment; undefined if a quotation is not closed. */
export function wordsOf(line: string): Word[] | undefined {
  return TAKES_COMMAND.test(line) ? (commandWords(line) ?? plainWords(line)) : plainWords(line);
}

/** A quotation is a word of its own; apostrophes and backslashes are text. */
function plainWords(line: string): Word[] | undefined {
  const words: Word[] = [];
  for (const [word, quotation] of line.matchAll(/"([^"]*)"|[^\s"]+|"/g)) {
    if (word === '"') return undefined;
    // Unquoted, a backslash keeps a comment sign from starting a comment, and goes.
    const text = quotation ?? word.replaceAll(/\\([#!])/g, '$1');
    words.push({ text, quoted: quotation !== undefined });
  }
  return words;
}

/** The words of a command line, as a shell would have them; undefined if a quotation is not closed. */
export function commandWords(line: string): Word[] | undefined {
  const words: Word[] = [];
  let text = '';
  let quoted = false;
  let quote = '';
  const end = (): void => {
    if (text !== '' || quoted) words.push({ text, quoted });
    text = '';
    quoted = false;
  };
  for (let at = 0; at < line.length; ) {
    const char = line.charAt(at);
    if (char === '\\' && at + 1 < line.length) {
      const escaped = escapeAt(line, at + 1);
      text += escaped.text;
      // An escaped character is text: it opens no block.
      quoted = true;
      at = escaped.end;
      continue;
    }
    if (char === quote) quote = '';
    else if (quote !== '') text += char;
    else if (char === '"' || char === "'") {
      quote = char;
      quoted = true;
    } else if (/\s/.test(char)) end();
    else text += char;
    at++;
  }
  end();
  return quote === '' ? words : undefined;
}

/** What the escape after a backslash stands for, and where it ends: keepalived.conf(5), 'Quoted strings'. */
function escapeAt(line: string, at: number): { text: string; end: number } {
  const char = line.charAt(at);
  const octal = /^[0-7]{1,3}/.exec(line.slice(at, at + 3))?.[0];
  if (octal !== undefined) return { text: byte(Number.parseInt(octal, 8)), end: at + octal.length };
  const hex = char === 'x' ? /^[0-9a-fA-F]+/.exec(line.slice(at + 1))?.[0] : undefined;
  if (hex !== undefined) return { text: byte(Number.parseInt(hex.slice(-2), 16)), end: at + 1 + hex.length };
  if (char === 'c' && at + 1 < line.length) return { text: byte(line.charCodeAt(at + 1) & 0x1f), end: at + 2 };
  return { text: CONTROL_ESCAPES.get(char) ?? char, end: at + 1 };
}

function byte(code: number): string {
  return String.fromCharCode(code & 0xff);
}
