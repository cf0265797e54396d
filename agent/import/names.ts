/** Names as this program has them, each one once. */
export class Names {
  readonly #taken = new Set<string>();

  /** @param fallback what it is called if nothing of `name` can stay */
  take(name: string, fallback: string): string {
    const base = validName(name) ?? fallback;
    let candidate = base;
    for (let number = 2; this.#taken.has(candidate); number++) candidate = `${base.slice(0, 56)}-${number}`;
    this.#taken.add(candidate);
    return candidate;
  }
}

/** `VI_1` as `vi_1`: lower-case letters, digits, dots, dashes and underscores, 63 at most. */
export function validName(name: string): string | undefined {
  const valid = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63)
    .replace(/[^a-z0-9]+$/, '');
  return valid === '' ? undefined : valid;
}
