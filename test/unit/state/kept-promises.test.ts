import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DepartedVote, KeptPromise } from '@tiebreak/shared/lease';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mayBePromised } from '../../../agent/state/dead-agents-promise.ts';
import type { KeptIdentity } from '../../../agent/state/kept-identity.ts';
import { type KeptPromises, openKeptPromises } from '../../../agent/state/kept-promises.ts';

const BIAS: KeptPromise = { kind: 'bias', holder: 'a', ballot: { counter: 5, node: 'a' }, durationUs: 60_000_000 };
const LEFT: KeptPromise = {
  kind: 'departed',
  holder: 'a',
  ballot: { counter: 5, node: 'a' },
  departure: { counter: 6, node: 'b' },
};
const COUNTS: DepartedVote = { voter: 'a', departure: { counter: 9, node: 'a' }, counts: true };

const IDENTITY: KeptIdentity = {
  generation: 2,
  agreed: { configHash: '00000000000000aa', text: '["old"]', witness: true, policy: { name: 'safe' } },
  joint: {
    configHash: '00000000000000bb',
    text: '["new"]',
    witness: true,
    policy: { name: 'bias', promiseMs: 60_000 },
  },
};

let folder: string;
let failures: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-kept-'));
  mkdirSync(stateDir());
  failures = [];
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function stateDir(): string {
  return join(folder, 'state');
}

function path(): string {
  return join(stateDir(), 'promises-edge.json');
}

function tryOpen() {
  const told = failures;
  return openKeptPromises({ stateDir: stateDir(), group: 'edge', onFailure: (text) => told.push(text) });
}

function open(): KeptPromises {
  const opened = tryOpen();
  if (!opened.ok) throw new Error(opened.error);
  return opened.kept;
}

/** What another start would find if the power failed now. */
function onDisk(): KeptPromises['found'] {
  return open().found;
}

function kept(store: KeptPromises, promise: KeptPromise): Promise<void> {
  return new Promise((resolve) => store.keep(promise, resolve));
}

async function until(condition: () => boolean): Promise<void> {
  for (let patience = 0; patience < 1000 && !condition(); patience += 1) await sleep(5);
  expect(condition()).toBe(true);
}

describe('over starts', () => {
  test('nothing is found at first; then what was kept last, each by itself', async () => {
    const store = open();
    expect(store.found).toEqual({ promise: undefined, departed: undefined, identity: undefined });
    await kept(store, BIAS);
    expect(onDisk()).toEqual({ promise: BIAS, departed: undefined });
    await kept(store, LEFT);
    await new Promise<void>((resolve) => store.keepDeparted(COUNTS, resolve));
    expect(onDisk()).toEqual({ promise: LEFT, departed: COUNTS });
    store.forget();
    await store.close();
    expect(onDisk()).toEqual({ promise: undefined, departed: COUNTS });
    const begun = open();
    begun.beginWith({ ...IDENTITY, joint: null });
    expect(onDisk().identity).toEqual({ ...IDENTITY, joint: null });
    const again = open();
    await new Promise<void>((resolve) => again.keepIdentity(IDENTITY, resolve));
    expect(onDisk()).toEqual({ promise: undefined, departed: COUNTS, identity: IDENTITY });
  });

  test('a damaged identity stops the start too, and promises nothing', () => {
    writeFileSync(path(), '{"version":1,"promise":null,"departed":null,"identity":{"generation":0}}');
    expect(tryOpen()).toMatchObject({ ok: false });
    expect(mayBePromised(stateDir(), 'edge')).toBe(false);
  });

  test('a file from before identities were kept has none', () => {
    writeFileSync(path(), JSON.stringify({ version: 1, promise: BIAS, departed: null }));
    expect(onDisk()).toEqual({ promise: BIAS, departed: undefined, identity: undefined });
  });

  test.each([
    ['half a file', '{"version":1,"promise":'],
    ['another version', '{"version":2,"promise":null,"departed":null}'],
    ['a promise of no length', '{"version":1,"promise":{"kind":"bias","holder":"a"},"departed":null}'],
  ])('a damaged file (%s) stops the start, says when it may be deleted, and binds', (_what, content) => {
    writeFileSync(path(), content);
    const opened = tryOpen();
    expect(opened.ok ? '' : opened.error).toContain('promises-edge.json: is damaged. Delete it only while no agent');
    expect(mayBePromised(stateDir(), 'edge')).toBe(true);
  });

  test('who acts in the place of a dead agent learns whether the vote may be promised', async () => {
    expect(mayBePromised(stateDir(), 'edge')).toBe(false);
    const store = open();
    await kept(store, BIAS);
    expect(mayBePromised(stateDir(), 'edge')).toBe(true);
    expect(mayBePromised(stateDir(), 'other')).toBe(false);
    store.forget();
    await store.close();
    expect(mayBePromised(stateDir(), 'edge')).toBe(false);
  });
});

describe('while the agent runs', () => {
  test('nothing is written before the caller goes on, and it is told only when it is on disk', async () => {
    const store = open();
    let told = false;
    store.keep(BIAS, () => {
      told = true;
      expect(JSON.parse(readFileSync(path(), 'utf8')).promise).toEqual(BIAS);
    });
    expect([told, onDisk().promise]).toEqual([false, undefined]);
    await until(() => told);
  });

  test('what is asked for last is on disk in the end, and what was superseded is never told', async () => {
    const store = open();
    const told: string[] = [];
    store.keep(BIAS, () => told.push('bias'));
    store.forget();
    store.keep(LEFT, () => told.push('left'));
    store.forget();
    await store.close();
    expect(onDisk().promise).toBeUndefined();
    expect(told).toEqual([]);
    const next = open();
    next.keep(BIAS, () => told.push('bias'));
    next.keep(LEFT, () => told.push('left'));
    await until(() => told.length > 0);
    expect([told, onDisk().promise]).toEqual([['left'], LEFT]);
  });

  test('one that is asked for again, also from within the answer, is told again', async () => {
    const store = open();
    for (let times = 0; times < 3; times += 1) await kept(store, BIAS);
    expect(onDisk().promise).toEqual(BIAS);
  });

  test('a disk that fails says nothing but its complaint, and is tried again until it works', async () => {
    const store = open();
    renameSync(stateDir(), join(folder, 'elsewhere'));
    let told = false;
    store.keep(BIAS, () => {
      told = true;
    });
    await until(() => failures.length === 1);
    expect(failures[0]).toContain('promises-edge.json: cannot be written: ENOENT');
    expect(told).toBe(false);
    renameSync(join(folder, 'elsewhere'), stateDir());
    await until(() => told);
    expect(onDisk().promise).toEqual(BIAS);
  });

  test('what could not be forgotten is forgotten when the disk works again', async () => {
    const store = open();
    await kept(store, BIAS);
    renameSync(stateDir(), join(folder, 'elsewhere'));
    store.forget();
    await until(() => failures.length === 1);
    renameSync(join(folder, 'elsewhere'), stateDir());
    await store.close();
    expect(onDisk().promise).toBeUndefined();
  });
});
