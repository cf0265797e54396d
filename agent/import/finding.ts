/** Where something stands in keepalived's configuration. */
export type Place = { readonly file: string; readonly line: number };

/** What could not be taken over as it stands. */
export type ImportFinding = Place & {
  /**
   * - `broken`: the file cannot be read as it was meant
   * - `refused`: without it, the cluster would behave otherwise
   * - `left_out`: it has no equivalent, and does without
   */
  readonly kind: 'broken' | 'refused' | 'left_out';
  /** What is wrong. */
  readonly what: string;
  /** What to do instead. */
  readonly instead?: string;
};

type Said = readonly [what: string, instead?: string];

export function broken(place: Place, ...said: Said): ImportFinding {
  return finding('broken', place, said);
}

export function refused(place: Place, ...said: Said): ImportFinding {
  return finding('refused', place, said);
}

export function leftOut(place: Place, ...said: Said): ImportFinding {
  return finding('left_out', place, said);
}

function finding(kind: ImportFinding['kind'], { file, line }: Place, [what, instead]: Said): ImportFinding {
  return { kind, file, line, what, ...(instead === undefined ? {} : { instead }) };
}
