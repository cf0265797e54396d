import { createInterface } from 'node:readline/promises';

/** Warns, and has a name typed on the terminal; empty if the input ends without an answer. */
export async function askFor(question: string, warning: string): Promise<string> {
  process.stderr.write(`${warning}\n`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new AbortController();
  terminal.once('close', () => ended.abort());
  try {
    return (await terminal.question(question, { signal: ended.signal })).trim();
  } catch {
    // The input has ended without an answer, which is one.
    return '';
  } finally {
    terminal.close();
  }
}
