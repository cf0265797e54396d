const LENGTH_MAX = 240;

/** A cloud's own words as one short line of plain text, without the secrets that it might have quoted. */
export function quote(text: string, secrets: readonly string[]): string {
  const clean = secrets
    .reduce((rest, secret) => (secret === '' ? rest : rest.replaceAll(secret, '[secret]')), text)
    .replace(/[^\P{C}\n\t]/gu, '')
    .replace(/\s+/g, ' ')
    .trim();
  return clean.length > LENGTH_MAX ? `${clean.slice(0, LENGTH_MAX)}…` : clean;
}
