/** That one kernel answered for the group, from then until then, in real µs. */
export type Tenure = { readonly node: string; readonly fromUs: number; readonly untilUs: number };

/** Who answered when, as the kernels had it and whatever any process believed. */
export class Tenures {
  readonly #ended: Tenure[] = [];
  readonly #last = new Map<string, Tenure>();

  /** The fence of `node` is open until then from now on; -Infinity: closed. */
  note(node: string, nowUs: number, openUntilUs: number): void {
    const last = this.#last.get(node);
    const goesOn = last !== undefined && last.untilUs >= nowUs;
    const untilUs = Math.max(nowUs, openUntilUs);
    if (goesOn) this.#last.set(node, { ...last, untilUs });
    else if (openUntilUs > nowUs) {
      if (last !== undefined) this.#ended.push(last);
      this.#last.set(node, { node, fromUs: nowUs, untilUs });
    }
  }

  get all(): readonly Tenure[] {
    return [...this.#ended, ...this.#last.values()];
  }
}

/** For how many µs of that time that many nodes or more owned: 1 for 'somebody', 2 for 'two at once'. */
export function ownedUs(tenures: readonly Tenure[], owners: number, fromUs: number, untilUs: number): number {
  const edges = tenures
    .map((tenure) => ({ from: Math.max(fromUs, tenure.fromUs), until: Math.min(untilUs, tenure.untilUs) }))
    .filter(({ from, until }) => from < until)
    .flatMap(({ from, until }) => [
      { atUs: from, change: 1 },
      { atUs: until, change: -1 },
    ])
    .sort((left, right) => left.atUs - right.atUs || left.change - right.change);
  let sumUs = 0;
  let count = 0;
  let lastUs = fromUs;
  for (const { atUs, change } of edges) {
    if (count >= owners) sumUs += atUs - lastUs;
    count += change;
    lastUs = atUs;
  }
  return sumUs;
}

/** When somebody ceased to own after `fromUs` and nobody went on; undefined: never before `untilUs`. */
export function firstVacancyUs(tenures: readonly Tenure[], fromUs: number, untilUs: number): number | undefined {
  let atUs = fromUs;
  for (;;) {
    const next = Math.max(
      atUs,
      ...tenures.filter((tenure) => tenure.fromUs <= atUs && tenure.untilUs > atUs).map((tenure) => tenure.untilUs),
    );
    if (next >= untilUs) return undefined;
    if (next === atUs) return atUs;
    atUs = next;
  }
}
