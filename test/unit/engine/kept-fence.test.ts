import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KeptFence } from '../../../agent/engine/kept-fence.ts';
import type { FenceAct, FenceClose, HoldingFence } from '../../../agent/kernel/fence/index.ts';
import { createLogger } from '../../../agent/log/index.ts';

const LEASE_END_US = 5_000_000;
const OWNED = 1;
const OTHER = 2;

/** A fence whose tables another program can take away. */
class FakeFence implements HoldingFence {
  readonly level = 'full';
  readonly acts: string[] = [];
  readonly open_ = new Map<number, number>();
  tables = true;
  canMakeTables = true;

  open(groupId: number, leaseEndUs: number): FenceAct {
    return this.#act('open', groupId, leaseEndUs);
  }

  refresh(groupId: number, leaseEndUs: number): FenceAct {
    if (!this.open_.has(groupId)) return { confirmed: false, reason: 'expired', text: 'not open' };
    return this.#act('refresh', groupId, leaseEndUs);
  }

  refreshTogether(leases: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
    if (!this.tables) return new Map();
    this.acts.push(`refresh ${[...leases.keys()]} together`);
    return leases;
  }

  refreshHeld(): 'confirmed' | 'refused' {
    return this.tables ? 'confirmed' : 'refused';
  }

  close(groupId: number): FenceClose {
    const alsoClosed = [...this.open_.keys()].filter((id) => id !== groupId);
    this.open_.delete(groupId);
    if (this.tables) return { confirmed: true, by: 'packet' };
    return this.recreate().ok ? { confirmed: true, by: 'replacement', alsoClosed } : { confirmed: false, text: 'no' };
  }

  openUntilUs(groupId: number): number | undefined {
    return this.open_.get(groupId);
  }

  rehearse(): void {}

  isIntact(): boolean {
    return this.tables;
  }

  recreate() {
    this.acts.push('recreate');
    if (!this.canMakeTables) return { ok: false, text: 'refused' } as const;
    this.tables = true;
    this.open_.clear();
    return { ok: true } as const;
  }

  addInterface() {
    return { ok: true } as const;
  }

  change() {
    this.acts.push(this.tables ? 'change' : 'change of nothing');
    return { ok: true } as const;
  }

  remove() {
    return { ok: true } as const;
  }

  #act(kind: string, groupId: number, leaseEndUs: number): FenceAct {
    if (!this.tables) return { confirmed: false, reason: 'not_armed', text: 'nothing came back' };
    this.acts.push(`${kind} ${groupId} ${leaseEndUs}`);
    this.open_.set(groupId, leaseEndUs);
    return { confirmed: true, expiresAtUs: leaseEndUs };
  }
}

let fake: FakeFence;
let kept: KeptFence;

beforeEach(() => {
  vi.useFakeTimers();
  fake = new FakeFence();
  kept = new KeptFence(fake, [OWNED, OTHER], createLogger('silent'));
});

afterEach(() => {
  kept.remove();
  vi.useRealTimers();
});

function flushed(): void {
  fake.tables = false;
  fake.acts.length = 0;
}

describe('another program has flushed the ruleset', () => {
  it('groups that were last refreshed together go on within the leases that they had then', () => {
    kept.open(OWNED, LEASE_END_US);
    kept.open(OTHER, LEASE_END_US);
    const leases = new Map([
      [OWNED, LEASE_END_US - 5],
      [OTHER, LEASE_END_US - 7],
    ]);
    expect([...kept.refreshTogether(leases).keys()]).toEqual([OWNED, OTHER]);
    flushed();
    expect(kept.refreshTogether(leases).size).toBe(0);
    expect(kept.refresh(OWNED, LEASE_END_US)).toMatchObject({ confirmed: true });
    expect(fake.acts).toEqual([
      'recreate',
      `open ${OWNED} ${LEASE_END_US - 5}`,
      `open ${OTHER} ${LEASE_END_US - 7}`,
      `open ${OWNED} ${LEASE_END_US}`,
    ]);
  });

  it('an owner that refreshes puts the fence up again and goes on, with every other group that was open', () => {
    kept.open(OWNED, LEASE_END_US);
    kept.open(OTHER, LEASE_END_US + 1);
    flushed();
    expect(kept.refresh(OWNED, LEASE_END_US + 2)).toMatchObject({ confirmed: true });
    expect(fake.acts).toEqual([
      'recreate',
      `open ${OWNED} ${LEASE_END_US}`,
      `open ${OTHER} ${LEASE_END_US + 1}`,
      `open ${OWNED} ${LEASE_END_US + 2}`,
    ]);
    expect(kept.recreations).toBe(1);
  });

  it('a group that was closed stays closed', () => {
    kept.open(OWNED, LEASE_END_US);
    kept.close(OWNED);
    flushed();
    vi.advanceTimersByTime(1_000);
    expect(fake.acts).toEqual(['recreate']);
    expect(kept.refresh(OWNED, LEASE_END_US)).toMatchObject({ reason: 'expired' });
  });

  it('a backup notices by looking', () => {
    flushed();
    vi.advanceTimersByTime(1_000);
    expect(fake.tables).toBe(true);
    expect(kept.recreations).toBe(1);
  });

  it('an owner that closes leaves the other groups open', () => {
    kept.open(OWNED, LEASE_END_US);
    kept.open(OTHER, LEASE_END_US);
    flushed();
    expect(kept.close(OWNED)).toMatchObject({ confirmed: true });
    expect([...fake.open_.keys()]).toEqual([OTHER]);
  });

  it('and the tables cannot be made: the refusal stands, and the owner steps down', () => {
    kept.open(OWNED, LEASE_END_US);
    flushed();
    fake.canMakeTables = false;
    expect(kept.refresh(OWNED, LEASE_END_US)).toMatchObject({ confirmed: false, reason: 'not_armed' });
    expect(kept.recreations).toBe(0);
  });
});

it('nothing is made anew while the tables are there', () => {
  vi.advanceTimersByTime(10_000);
  expect(kept.refresh(OWNED, LEASE_END_US)).toMatchObject({ reason: 'expired' });
  expect(fake.acts).toEqual([]);
});
