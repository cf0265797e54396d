import { describe, expect, it } from 'vitest';
import { STEP_MS, sentinelMs } from '../../../agent/kernel/fence/arithmetic.ts';
import type { NumberedAct } from '../../../agent/kernel/fence/lease-channel.ts';
import { type LeaseAct, SELF_TEST_GROUP } from '../../../agent/kernel/fence/lease-packet.ts';
import type { Fate } from '../../../agent/kernel/fence/lease-socket.ts';
import { selfTest } from '../../../agent/kernel/fence/self-test.ts';

const TICK_US = 1_000;

/** What a kernel that does not hold gets wrong. */
type Flaw =
  | 'loses everything'
  | 'opens nothing'
  | 'refreshes nothing'
  | 'closes nothing'
  | 'keeps a used sentinel'
  | 'asks for no sentinel'
  | 'keeps a sentinel too long'
  | 'keeps a lease too long'
  | 'loses what is sent behind';

/** One group of both tables, in real time. */
class ModelChannel {
  readonly #flaw: Flaw | undefined;
  readonly #sentinels = new Map<number, number>();
  #openUntilMs = 0;
  #nonce = 0;
  /** So many packets are lost before the first one gets through. */
  #lost: number;

  constructor(flaw?: Flaw, lost = 0) {
    this.#flaw = flaw;
    this.#lost = lost;
  }

  nextNonce(): number {
    this.#nonce += 1;
    return this.#nonce;
  }

  perform(groupId: number, nonce: number, act: LeaseAct) {
    expect(groupId).toBe(SELF_TEST_GROUP);
    if (this.#lost > 0) {
      this.#lost -= 1;
      return { returned: false, text: 'lost' } as const;
    }
    return this.#takes(nonce, act) ? ({ returned: true } as const) : ({ returned: false, text: 'refused' } as const);
  }

  fateOf(groupId: number, asked: NumberedAct, behind: NumberedAct): Fate {
    if (this.perform(groupId, asked.nonce, asked.act).returned) return 'taken';
    const isBack = this.perform(groupId, behind.nonce, behind.act).returned;
    return isBack && this.#flaw !== 'loses what is sent behind' ? 'refused' : 'unknown';
  }

  #takes(nonce: number, act: LeaseAct): boolean {
    const nowMs = performance.now();
    const flaw = this.#flaw;
    if (flaw === 'loses everything') return false;
    switch (act.kind) {
      case 'arm':
        this.#sentinels.set(nonce, nowMs + sentinelMs(0, TICK_US) * (flaw === 'keeps a sentinel too long' ? 20 : 1));
        return true;
      case 'close':
        if (flaw !== 'closes nothing') this.#openUntilMs = 0;
        return true;
      case 'open':
        if (!this.#spends(nonce, nowMs) || flaw === 'opens nothing') return false;
        this.#opensFor(act.step, nowMs);
        return true;
      case 'refresh':
        // The lease is asked for first: a refused REFRESH spends no sentinel.
        if (this.#openUntilMs <= nowMs || !this.#spends(nonce, nowMs) || flaw === 'refreshes nothing') return false;
        this.#opensFor(act.step, nowMs);
        return true;
      case 'refresh-held':
      case 'refresh-together':
        throw new Error('no part of the self-test');
    }
  }

  #spends(nonce: number, nowMs: number): boolean {
    const flaw = this.#flaw;
    if (flaw === 'asks for no sentinel') return true;
    const isThere = (this.#sentinels.get(nonce) ?? 0) > nowMs;
    if (flaw !== 'keeps a used sentinel') this.#sentinels.delete(nonce);
    return isThere;
  }

  #opensFor(step: number, nowMs: number): void {
    this.#openUntilMs = nowMs + step * STEP_MS * (this.#flaw === 'keeps a lease too long' ? 20 : 1);
  }
}

const FOUND: { readonly [Name in Flaw]: string } = {
  'loses everything': 'did not come back',
  'opens nothing': 'OPEN did not take effect',
  'refreshes nothing': 'REFRESH did not take effect',
  'closes nothing': 'a closed lease could be refreshed',
  'keeps a used sentinel': 'a sentinel could be used twice',
  'asks for no sentinel': 'a sentinel could be used twice',
  'keeps a sentinel too long': 'a sentinel outlived its time',
  'keeps a lease too long': 'an expired lease could be refreshed',
  'loses what is sent behind': 'did not come back',
};

describe("the fence's self-test", () => {
  it('finds nothing wrong with a kernel that holds', () => {
    expect(selfTest(new ModelChannel(), TICK_US)).toBeUndefined();
  });

  it('tries again where the machine was too slow', () => {
    expect(selfTest(new ModelChannel(undefined, 1), TICK_US)).toBeUndefined();
  });

  it.each(Object.entries(FOUND))('finds a kernel that %s', (flaw, text) => {
    const known = Object.keys(FOUND).find((name): name is Flaw => name === flaw);
    expect(selfTest(new ModelChannel(known), TICK_US)).toContain(text);
  });
});
