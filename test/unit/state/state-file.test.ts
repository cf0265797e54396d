import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ballotsOfDeadAgent } from '../../../agent/state/dead-agents-ballots.ts';
import { openStateFile, type StateFile } from '../../../agent/state/state-file.ts';

let folder: string;
let nowUs: number;
let failures: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-state-'));
  nowUs = 0;
  failures = [];
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function path(): string {
  return join(folder, 'state', 'agent.json');
}

function tryOpen(wallClockMs = 1_000_000, bootId = 'this boot') {
  // A write that is still under way when its test ends must not tell its failure to the next one.
  const told = failures;
  return openStateFile({
    stateDir: join(folder, 'state'),
    groups: ['edge'],
    wallClockMs,
    bootId,
    nowUs: () => nowUs,
    onFailure: (text) => told.push(text),
  });
}

function open(wallClockMs?: number): StateFile {
  const opened = tryOpen(wallClockMs);
  if (!opened.ok) throw new Error(opened.error);
  return opened.state;
}

/** What another start would find if the power failed now. */
function onDisk(): { ceiling: number; incarnation: number; serial: number } {
  const content = JSON.parse(readFileSync(path(), 'utf8'));
  return {
    ceiling: content.ballot_ceilings.edge,
    incarnation: content.incarnation,
    serial: content.witness_serials.w ?? 0,
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let patience = 0; patience < 500 && !condition(); patience += 1) await sleep(5);
  expect(condition()).toBe(true);
}

describe('over starts', () => {
  test('ballots below what an earlier run has reserved count as used (L10)', () => {
    const first = open();
    expect(first.usedCounter('edge')).toBe(0);
    expect(first.mayUse('edge', 1)).toBe(true);
    const second = open();
    expect(second.usedCounter('edge')).toBe(1000);
    expect(second.usedCounter('new')).toBe(0);
  });

  test('incarnations grow with each start, also when the clock goes back, and leave one between for the guardian', () => {
    expect(open(5_000_000).incarnation).toBe(5_000_000);
    expect(open(4_000_000).incarnation).toBe(5_000_002);
    expect(open(0).incarnation).toBe(5_000_004);
  });

  test('each start knows the incarnation and the boot of the one before it (L9)', () => {
    expect(open(5_000_000).previous).toEqual({ incarnation: 0, bootId: undefined });
    const second = tryOpen(6_000_000, 'next boot');
    if (!second.ok) throw new Error(second.error);
    expect(second.state.previous).toEqual({ incarnation: 5_000_000, bootId: 'this boot' });
    second.state.mayUse('edge', 40_000);
    second.state.close();
    expect(open().previous.bootId).toBe('next boot');
  });

  test('who acts in the place of a dead agent reserves what it uses, and changes nothing else', () => {
    const { incarnation } = open();
    const stateDir = join(folder, 'state');
    const mayUse = ballotsOfDeadAgent(stateDir);
    expect(mayUse('edge', 1000)).toBe(true);
    expect(onDisk().ceiling).toBe(1000);
    expect(mayUse('edge', 3002)).toBe(true);
    expect(mayUse('edge', 4002)).toBe(true);
    expect(onDisk()).toMatchObject({ ceiling: 4002, incarnation });
    rmSync(path());
    writeFileSync(path(), '{');
    expect(ballotsOfDeadAgent(stateDir)('edge', 1)).toBe(false);
  });

  test('incarnations grow when the file is lost, also within one second', () => {
    const before = open(5_000_000).incarnation;
    rmSync(path());
    expect(open(5_000_020).incarnation).toBeGreaterThan(before);
  });

  test('what a crash has left half written is not looked at', () => {
    open();
    writeFileSync(`${path()}.new`, '{"version":1,"incarn');
    writeFileSync(`${path()}.newer`, '{');
    const state = open();
    expect(state.usedCounter('edge')).toBe(1000);
    expect(onDisk().ceiling).toBe(2000);
  });

  test.each([
    ['nothing', ''],
    ['half a file', '{"version":1,"incarnation":'],
    ['another version', '{"version":2,"incarnation":1,"ballot_ceilings":{},"witness_serials":{}}'],
    ['a negative ceiling', '{"version":1,"incarnation":1,"ballot_ceilings":{"edge":-1},"witness_serials":{}}'],
  ])('a damaged file (%s) stops the start and tells when it may be deleted', (_what, content) => {
    open();
    writeFileSync(path(), content);
    const opened = tryOpen();
    expect(opened.ok).toBe(false);
    if (!opened.ok) expect(opened.error).toMatch(/agent\.json: is damaged\. Delete it only if no agent/);
    expect(readFileSync(path(), 'utf8')).toBe(content);
  });

  test('a state_dir that cannot be made stops the start with what to check', () => {
    writeFileSync(join(folder, 'state'), 'a file, no directory');
    const opened = tryOpen();
    expect(opened).toMatchObject({ ok: false });
  });
});

describe('the reserve of ballots', () => {
  test('what may be used is always on disk already', async () => {
    const state = open();
    for (let counter = 1; counter <= 5000; counter += 1) {
      expect(state.mayUse('edge', counter)).toBe(true);
      expect(onDisk().ceiling).toBeGreaterThanOrEqual(counter);
      if (counter % 100 === 0) await sleep(1);
    }
    state.close();
  });

  test('it grows in the background before it is used up, so that no fsync is waited for', async () => {
    const state = open();
    expect(state.mayUse('edge', 499)).toBe(true);
    await sleep(20);
    expect(onDisk().ceiling).toBe(1000);
    state.mayUse('edge', 501);
    expect(onDisk().ceiling).toBe(1000);
    await until(() => onDisk().ceiling === 2000);
    state.close();
  });

  test('a leap beyond the reserve is written at once', () => {
    const state = open();
    expect(state.mayUse('edge', 40_000)).toBe(true);
    expect(onDisk().ceiling).toBe(41_000);
    state.close();
  });

  test('what others have seen is foreseen; a number out of all proportion is not', async () => {
    const state = open();
    state.foresee('edge', 7000);
    await until(() => onDisk().ceiling === 8000);
    state.foresee('edge', Number.MAX_SAFE_INTEGER);
    await until(() => onDisk().ceiling > 8000);
    expect(onDisk().ceiling).toBeLessThan(2_000_000);
    state.close();
  });

  test('beyond the largest number that a file can hold nothing may be used', () => {
    const state = open();
    expect(state.mayUse('edge', Number.MAX_SAFE_INTEGER + 1)).toBe(false);
    state.close();
    expect(open().usedCounter('edge')).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('a write under way does not bring back what a later one has replaced', async () => {
    const state = open();
    state.mayUse('edge', 600); // in the background, up to 2000
    expect(state.mayUse('edge', 9000)).toBe(true); // at once
    await sleep(100);
    expect(onDisk().ceiling).toBe(10_000);
    state.close();
  });
});

describe('the serials of the witness', () => {
  test('the highest one is kept, off the event loop, and over starts (L14)', async () => {
    const state = open();
    for (let serial = 1; serial <= 50; serial += 1) state.noteWitnessSerial('w', serial);
    state.noteWitnessSerial('w', 7);
    expect(state.witnessSerial('w')).toBe(50);
    expect(onDisk().serial).toBe(0);
    await until(() => onDisk().serial === 50);
    expect(open().witnessSerial('w')).toBe(50);
  });

  test('what is still to be written is written when the agent leaves', () => {
    const state = open();
    state.noteWitnessSerial('w', 3);
    state.close();
    expect(onDisk().serial).toBe(3);
  });
});

describe('a disk that fails while the agent runs', () => {
  function breakDisk(): void {
    renameSync(join(folder, 'state'), join(folder, 'elsewhere'));
  }

  function mendDisk(): void {
    renameSync(join(folder, 'elsewhere'), join(folder, 'state'));
  }

  test('the reserve may still be used, nothing beyond it, and nothing is thrown', () => {
    const state = open();
    breakDisk();
    expect(state.mayUse('edge', 1000)).toBe(true);
    expect(state.mayUse('edge', 1001)).toBe(false);
    state.noteWitnessSerial('w', 3);
    expect(failures[0]).toContain('agent.json: cannot be written: ENOENT');
    mendDisk();
    state.close();
  });

  test('it is left alone for a second, and then used again', () => {
    const state = open();
    breakDisk();
    for (let tries = 0; tries < 1000; tries += 1) expect(state.mayUse('edge', 1001)).toBe(false);
    expect(failures).toHaveLength(1);
    mendDisk();
    nowUs += 1_000_000;
    expect(state.mayUse('edge', 1001)).toBe(true);
    expect(onDisk().ceiling).toBe(2001);
    state.close();
  });

  test('a failure in the background is told and made up for', async () => {
    const state = open();
    breakDisk();
    state.noteWitnessSerial('w', 3);
    await until(() => failures.length === 1);
    mendDisk();
    nowUs += 1_000_000;
    state.noteWitnessSerial('w', 4);
    await until(() => onDisk().serial === 4);
    state.close();
  });
});
