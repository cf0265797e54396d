import { TTL_MAX_MS } from '@tiebreak/shared/lease';
import type { Answer } from '../../served-witness/voting-node.ts';

type Kept = { readonly node: string; readonly sentMs: number; readonly answeredMs: number; untilMs: number };

/**
 * What the nodes of one cluster were promised, by the one monotonic clock of this process. The witness gave each vote
 * somewhere between the request's sending and its answer, so what is found here has certainly happened.
 */
export class Ledger {
  readonly violations: string[] = [];
  #promises: Kept[] = [];
  /** Each growth, in order. */
  readonly #serials: Pick<Answer, 'serial' | 'answeredMs'>[] = [];
  readonly #grantSerials = new Set<number>();
  #lastHolder: string | null = null;
  grants = 0;
  changesOfOwner = 0;
  /** Kills in the middle of a promise. */
  heldAtKill = 0;

  /** Each answer that came. @param repeated it may be the stored reply of an earlier grant */
  answered(node: string, answer: Answer, repeated: boolean): void {
    this.#checkSerial(answer);
    const { result } = answer;
    if (result.kind !== 'granted') return;
    this.grants += 1;
    if (!repeated) {
      if (this.#grantSerials.has(answer.serial)) this.#violated(`two votes have the serial ${answer.serial} (L14)`);
      this.#grantSerials.add(answer.serial);
    }
    if (this.#lastHolder !== null && this.#lastHolder !== node) this.changesOfOwner += 1;
    this.#lastHolder = node;
    const { sentMs, answeredMs } = answer;
    const own: Kept = { node, sentMs, answeredMs, untilMs: sentMs + result.promise_ms };
    for (const other of this.#promises) if (other.node !== node) this.#checkPair(other, own);
    this.#promises = [...this.#promises.filter(({ untilMs }) => untilMs > sentMs), own];
  }

  /** Is about to be sent: whether it arrives, nobody may ever know. */
  releasing(node: string): void {
    const nowMs = performance.now();
    for (const kept of this.#promises) if (kept.node === node) kept.untilMs = Math.min(kept.untilMs, nowMs);
  }

  /** L11, L12: what was held at the kill stays bound for TTL_MAX from the start of the next instance. */
  restarted(killedAtMs: number, startingAtMs: number): void {
    const held = this.#promises.filter(({ answeredMs, untilMs }) => answeredMs < killedAtMs && untilMs > killedAtMs);
    for (const kept of held) kept.untilMs = Math.max(kept.untilMs, startingAtMs + TTL_MAX_MS);
    if (held.length > 0) this.heldAtKill += 1;
  }

  /** Neither can have been given before the other one's end, if each was answered before it. */
  #checkPair(left: Kept, right: Kept): void {
    if (right.answeredMs >= left.untilMs || left.answeredMs >= right.untilMs) return;
    const told = [left, right].map(
      ({ node, sentMs, answeredMs, untilMs }) =>
        `${node} asked at ${sentMs.toFixed(1)}, answered at ${answeredMs.toFixed(1)}, bound until ${untilMs.toFixed(1)}`,
    );
    this.#violated(`two votes at once: ${told.join('; ')}`);
  }

  #checkSerial({ sentMs, answeredMs, serial }: Answer): void {
    const known = this.#serials.findLast((grown) => grown.answeredMs < sentMs)?.serial ?? 0;
    if (serial < known) this.#violated(`the serial went back from ${known} to ${serial} (L14)`);
    if (serial > (this.#serials.at(-1)?.serial ?? 0)) this.#serials.push({ serial, answeredMs });
  }

  #violated(text: string): void {
    this.violations.push(text);
  }
}
