import { stripVTControlCharacters } from 'node:util';

/** Rows of text with every column as wide as its widest cell; the last one is left as it is. */
export function alignColumns(rows: readonly (readonly string[])[], gap = '  '): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.slice(0, -1).entries()) {
      widths[column] = Math.max(widths[column] ?? 0, width(cell));
    }
  }
  return rows
    .map((row) =>
      row.map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell)))).join(gap),
    )
    .map((line) => line.trimEnd())
    .join('\n');
}

function width(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
