/**
 * Names one ownership: grows with every change of owner (L10) and is the fencing token that scripts, webhooks and cloud
 * calls receive. Ordered by counter, then by node.
 */
export type Ballot = { readonly counter: number; readonly node: string };

/** Below every ballot that anyone can stand with. */
export const NO_BALLOT: Ballot = { counter: 0, node: '' };

/**
 * No ballot that anyone speaks of may be higher: at a change of owner each millisecond that takes 8,900 years, and a
 * damaged peer cannot use up the numbers in which the next ones must find room (L10).
 */
export const BALLOT_COUNTER_MAX = 2 ** 48;

/** Below zero: `left` is older; zero: the same ballot; above zero: `left` is newer. */
export function compareBallots(left: Ballot, right: Ballot): number {
  if (left.counter !== right.counter) return left.counter - right.counter;
  return left.node < right.node ? -1 : left.node > right.node ? 1 : 0;
}

export function sameBallot(left: Ballot, right: Ballot): boolean {
  return compareBallots(left, right) === 0;
}

export function highestBallot(left: Ballot, right: Ballot): Ballot {
  return compareBallots(left, right) >= 0 ? left : right;
}

/** The ballot with which `node` stands after it has seen `highest`. */
export function nextBallot(highest: Ballot, node: string): Ballot {
  return { counter: highest.counter + 1, node };
}

/** `5.a`, as logs and the status show it. */
export function formatBallot(ballot: Ballot): string {
  return ballot.counter === 0 ? 'none' : `${ballot.counter}.${ballot.node}`;
}
