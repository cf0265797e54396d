import type { Change } from './analysis.ts';
import type { HostName } from './topology.ts';

/** What a fault may take away: a host's ability to own and to vote, the hosts' hearing of each other, a host's witness. */
export type Taken = HostName | 'link' | `witness of ${HostName}`;

export type Episode = {
  readonly title: string;
  readonly takes: readonly Taken[];
  readonly fromUs: number;
  /** Until when it may be felt. Infinity while it lasts. */
  readonly untilUs: number;
};

/**
 * The faults that explain why the address moved, by the rule that an owner needs itself and one more vote: it was struck
 * itself, or it had lost both its peer's vote and the witness's. Empty: nothing that was injected explains it.
 */
export function explain(change: Change, episodes: readonly Episode[]): Episode[] {
  const silentUs = change.atUs - change.gapMs * 1_000;
  const felt = episodes.filter(({ fromUs, untilUs }) => fromUs <= change.atUs && untilUs >= silentUs);
  const taking = (...parts: readonly string[]): Episode[] =>
    felt.filter(({ takes }) => takes.some((taken) => parts.includes(taken)));
  const struck = taking(change.from);
  if (struck.length > 0) return struck;
  const peerGone = taking('link', change.to);
  const witnessGone = taking(`witness of ${change.from}`);
  return peerGone.length > 0 && witnessGone.length > 0 ? [...new Set([...peerGone, ...witnessGone])] : [];
}
