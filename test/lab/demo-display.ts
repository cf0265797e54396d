/** One line that is always rewritten on a terminal; elsewhere a line whenever what happens has changed. */
export class Display {
  readonly #stream: NodeJS.WriteStream;
  readonly #owner: () => string;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #startMs = performance.now();
  #doing = '';

  /** @param owner who owns the address right now, in words */
  constructor(stream: NodeJS.WriteStream, owner: () => string) {
    this.#stream = stream;
    this.#owner = owner;
    this.#timer = stream.isTTY ? setInterval(() => this.#redraw(), 100) : undefined;
  }

  /** What happens from now on. */
  doing(text: string): void {
    if (text === this.#doing) return;
    this.#doing = text;
    if (this.#timer === undefined) this.#stream.write(`${this.#line()}\n`);
    else this.#redraw();
  }

  /** A line that stays. */
  say(text: string): void {
    this.#stream.write(this.#timer === undefined ? `${text}\n` : `\r\x1b[K${text}\n`);
  }

  close(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#stream.write('\r\x1b[K');
  }

  #redraw(): void {
    this.#stream.write(`\r\x1b[K${this.#line().slice(0, (this.#stream.columns || 80) - 1)}`);
  }

  #line(): string {
    const seconds = ((performance.now() - this.#startMs) / 1_000).toFixed(1).padStart(5);
    return `${seconds} s  ${this.#owner().padEnd(22)}  ${this.#doing}`;
  }
}

/** Columns of equal width; the first row is the heading. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const format = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(' | ')
      .trimEnd();
  const [heading = [], ...body] = rows;
  return [format(heading), widths.map((width) => '-'.repeat(width)).join('-|-'), ...body.map(format)].join('\n');
}

/** Milliseconds for people: tenths below ten, whole ones above; a little is never shown as nothing. */
export function formatMs(ms: number): string {
  if (ms === 0) return '0';
  return ms < 10 ? Math.max(0.1, ms).toFixed(1) : ms.toFixed(0);
}
