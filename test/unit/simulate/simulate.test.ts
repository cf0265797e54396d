import { describe, expect, it } from 'vitest';
import { renderSimulated } from '../../../agent/cli/simulate-text.ts';
import { affordableRuns, hadTwoOwners, masterDownUs, type Setting } from '../../../agent/simulate/index.ts';
import { ownersAfter, PAIR, play, resultOf } from './pair.ts';

const DOWN_US = masterDownUs(PAIR);
const MS = 1000;
const SAFE: Setting = { ...PAIR, policy: { name: 'safe' } };
const PLANNED = ['planned_stop', 'handover', 'check_failed'];
const HARMLESS = ['peer_lost', 'link_cut', 'owner_unheard', 'owner_deaf', 'witness_away'];
const SILENT = ['host_lost', 'engine_and_guardian_killed', 'freeze_and_thaw', 'owner_isolated'];

describe('a usual pair with a witness', () => {
  const simulated = play(PAIR, { runs: 20 });

  it('never has two owners, and breaks no rule', () => {
    expect(simulated.results).toHaveLength(16);
    for (const { fault, runs, twoOwnersUs, broken } of simulated.results)
      expect([fault.id, runs, twoOwnersUs, broken]).toEqual([fault.id, 20, 0, []]);
  });

  it.each(HARMLESS)('notices nothing of %s: the owner stays, without a gap', (id) => {
    const result = resultOf(simulated, id);
    expect(ownersAfter(result)).toEqual(['a']);
    expect(result.outcomes.map(({ owners }) => owners)).toEqual([['a']]);
    expect(result.nobodyUs).toEqual({ median: 0, worst: 0 });
  });

  it.each(PLANNED)('moves at once for %s', (id) => {
    const result = resultOf(simulated, id);
    expect(ownersAfter(result)).toEqual(['b']);
    expect(result.nobodyUs.worst).toBeLessThanOrEqual(10 * MS);
    expect(result.nobodyUs.worst).toBeGreaterThan(0);
  });

  it.each(SILENT)('moves within the down time after %s', (id) => {
    const result = resultOf(simulated, id);
    expect(ownersAfter(result)).toEqual(['b']);
    expect(result.nobodyUs.worst).toBeLessThanOrEqual(1.15 * DOWN_US);
    expect(result.nobodyUs.median).toBeGreaterThan(0.25 * DOWN_US);
  });

  it('needs no down time when the engine dies alone, nor when the LAN link is lost', () => {
    expect(ownersAfter(resultOf(simulated, 'engine_dies'))).toEqual(['b']);
    expect(resultOf(simulated, 'engine_dies').nobodyUs.worst).toBeLessThanOrEqual(25 * MS);
    expect(ownersAfter(resultOf(simulated, 'lan_link_lost'))).toEqual(['b']);
    expect(resultOf(simulated, 'lan_link_lost').nobodyUs.worst).toBeLessThanOrEqual(60 * MS);
  });

  it('keeps its owner for three quarters of bias_promise when the witness was lost before the link', () => {
    const result = resultOf(simulated, 'witness_away_link_cut');
    expect(ownersAfter(result)).toEqual(['nobody']);
    expect(result.keptUs).toBeGreaterThan(40_000 * MS);
    expect(result.keptUs).toBeLessThanOrEqual(45_100 * MS);
  });

  it('has nobody when witness and owner are lost, and says that a third node would help', () => {
    expect(ownersAfter(resultOf(simulated, 'witness_away_host_lost'))).toEqual(['nobody']);
    const [cut, lost, ...others] = simulated.advice;
    expect(others).toEqual([]);
    expect(cut?.better?.change.line).toBe('bias_promise = "120s"');
    expect(cut?.better?.result.keptUs).toBeGreaterThan(80_000 * MS);
    expect(lost?.better?.change.line).toBe('a third node in peers');
    expect(lost?.better?.result.nobodyUs.worst).toBeLessThanOrEqual(1.15 * DOWN_US);
  });

  it('is played alike by the same seed, and otherwise by another', () => {
    const gaps = (seed: number) => play(PAIR, { seed, runs: 2 }).results.map(({ nobodyUs }) => nobodyUs.worst);
    expect(gaps(7)).toEqual(gaps(7));
    expect(gaps(7)).not.toEqual(gaps(8));
  });
});

describe('a pair without a witness', () => {
  it('has nobody in the end, whatever is cut or lost, and is advised to have one', () => {
    const simulated = play({ ...SAFE, hasWitness: false });
    for (const id of ['link_cut', 'host_lost', 'peer_lost']) {
      expect([id, ownersAfter(resultOf(simulated, id))]).toEqual([id, ['nobody']]);
      const advice = simulated.advice.find(({ result }) => result.fault.id === id);
      expect(advice?.better?.change.line).toBe('[witness]');
    }
    expect(simulated.results.every(({ twoOwnersUs }) => twoOwnersUs === 0)).toBe(true);
  });

  it('has two owners under policy "available" for as long as the link is cut, which is measured', () => {
    const simulated = play({ ...PAIR, hasWitness: false, policy: { name: 'available' } });
    const cut = resultOf(simulated, 'link_cut');
    expect(ownersAfter(cut)).toEqual(['a and b']);
    expect(cut.twoOwnersUs).toBeGreaterThan(3_000 * MS);
    const advice = simulated.advice.find(({ result }) => result === cut);
    expect(advice?.better?.change.line).toBe('[witness] and policy = "bias"');
    expect(advice?.better?.result.twoOwnersUs).toBe(0);
  });

  it('has one owner at a time under policy "available" when its agent or its host is lost, or stands still', () => {
    for (const hasWitness of [false, true]) {
      const simulated = play({ ...PAIR, hasWitness, policy: { name: 'available' } });
      for (const id of ['engine_and_guardian_killed', 'freeze_and_thaw', 'host_lost']) {
        const result = resultOf(simulated, id);
        expect([id, result.twoOwnersUs, ownersAfter(result)]).toEqual([id, 0, ['b']]);
      }
    }
  });
});

describe('what to change', () => {
  it('is policy "bias" where "safe" leaves nobody at once', () => {
    const simulated = play(SAFE);
    const cut = simulated.advice.find(({ result }) => result.fault.id === 'witness_away_link_cut');
    expect(cut?.result.keptUs).toBeLessThan(DOWN_US);
    expect(cut?.better?.change.line).toBe('policy = "bias"');
    expect(cut?.better?.result.keptUs).toBeGreaterThan(40_000 * MS);
  });

  it('is the longest interval that is short enough, and one that has room for a vote', () => {
    const slow: Setting = { ...PAIR, intervalUs: 1_000_000 };
    const lineFor = (setting: Setting, longestUs: number) =>
      play(setting, { longestUs, runs: 4 }).advice.find(({ result }) => result.fault.id === 'host_lost')?.better?.change
        .line;
    expect(lineFor(slow, 1_000 * MS)).toBe('advertisement_interval = "250ms"');
    expect(lineFor(slow, 400 * MS)).toBe('advertisement_interval = "100ms"');
    expect(lineFor({ ...slow, witnessRttUs: 200_000 }, 400 * MS)).toBe('advertisement_interval = "500ms"');
    expect(lineFor(slow, 4_000 * MS)).toBeUndefined();
  });
});

describe('other groups', () => {
  it('that take long to simulate are played less often', () => {
    const slow: Setting = { ...PAIR, intervalUs: 60_000, policy: { name: 'bias', promiseMs: 600_000 } };
    expect(affordableRuns(PAIR)).toBe(20);
    expect(affordableRuns(slow)).toBeLessThan(20);
    expect(affordableRuns(slow)).toBeGreaterThanOrEqual(5);
    expect(affordableRuns({ ...slow, nodes: ['a', 'b', 'c', 'd', 'e'], preemptDelayUs: 60_000_000 })).toBe(5);
  });

  it('three nodes go on with two, whichever is lost, and have no fault of a witness that has no vote', () => {
    const simulated = play({ ...SAFE, nodes: ['a', 'b', 'c'], priorities: [200, 100, 90] });
    expect(simulated.results.filter(({ fault }) => fault.id.startsWith('witness'))).toEqual([]);
    expect(ownersAfter(resultOf(simulated, 'host_lost'))).toEqual(['b']);
    expect(ownersAfter(resultOf(simulated, 'link_cut'))).toEqual(['b']);
    expect(ownersAfter(resultOf(simulated, 'peer_lost'))).toEqual(['a']);
    expect(simulated.results.every(({ twoOwnersUs, broken }) => twoOwnersUs === 0 && broken.length === 0)).toBe(true);
  });

  it('with preemption the first node owns again once it has thawed', () => {
    const [outcome] = resultOf(play({ ...PAIR, preemptDelayUs: 0 }, { runs: 4 }), 'freeze_and_thaw').outcomes;
    expect(outcome).toMatchObject({ ownersAfter: ['b'], ownersAtLast: ['a'], runs: 4 });
  });

  it('version 2 has a skew that does not depend on the interval', () => {
    const old: Setting = { ...PAIR, version: 2, intervalUs: 4_000_000 };
    expect(masterDownUs(old)).toBe(12_609_375);
    const { nobodyUs } = resultOf(play(old, { runs: 4 }), 'host_lost');
    expect(nobodyUs.worst).toBeLessThanOrEqual(1.15 * masterDownUs(old));
  });
});

describe('a broken rule is seen', () => {
  it('an owner that believes ten times what it was promised (L2)', () => {
    const simulated = play(PAIR, {
      runs: 2,
      tampering: {
        event: (event) =>
          event.type === 'verdict' && event.verdict.kind === 'granted'
            ? { ...event, verdict: { ...event.verdict, promiseMs: 10 * event.verdict.promiseMs } }
            : event,
      },
    });
    const messages = simulated.results.flatMap(({ broken }) => broken.map(({ broken: rule }) => rule?.rule));
    expect(messages).toContain('belief exceeds the register');
    expect(simulated.results.some(hadTwoOwners)).toBe(true);
    const text = renderSimulated('edge', simulated, 1);
    expect(text).toContain('A rule of the election was broken. This is a defect of tiebreak: please report it');
    expect(text).toMatch(/^ {2}the link between left and right is cut, seed 1: belief exceeds the register: /m);
  });
});
