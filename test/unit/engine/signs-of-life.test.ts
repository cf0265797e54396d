import { beforeEach, expect, test } from 'vitest';
import { SignsOfLife } from '../../../agent/engine/signs-of-life.ts';
import type { ServiceManager } from '../../../agent/service-manager/index.ts';

let nowUs: number;
let dueUs: number;
let status: string;
let toGuardian: number;
let told: string[];

beforeEach(() => {
  nowUs = 1_000_000_000;
  dueUs = nowUs;
  status = 'edge: owner';
  toGuardian = 0;
  told = [];
});

function signs(feedWithinMs: number | undefined): SignsOfLife {
  const serviceManager: ServiceManager = {
    feedWithinMs,
    notify: (...state) => told.push(...state),
    close: () => told.push('closed'),
  };
  return new SignsOfLife({
    loops: () => [{ name: 'edge', dueUs, lastProgressUs: dueUs }],
    nowUs: () => nowUs,
    tellGuardian: () => {
      toGuardian += 1;
    },
    serviceManager,
    status: () => status,
  });
}

/** Looks twice a second. */
function lookFor(life: SignsOfLife, seconds: number, progress: boolean): void {
  for (let look = 0; look < 2 * seconds; look += 1) {
    nowUs += 500_000;
    if (progress) dueUs = nowUs;
    life.look();
  }
}

test('loops that step feed the guardian at each look, and the watchdog within half of what it allows', () => {
  const life = signs(5_000);
  lookFor(life, 60, true);
  expect(toGuardian).toBe(120);
  const fed = told.filter((line) => line === 'WATCHDOG=1').length;
  expect(fed).toBeGreaterThanOrEqual(12);
  expect(fed).toBeLessThanOrEqual(14);
});

test('a loop that does not step feeds nobody, though the timer goes on', () => {
  const life = signs(1_000);
  lookFor(life, 2, true);
  const before = [toGuardian, told.length];
  nowUs += 500_000;
  lookFor(life, 60, false);
  expect([toGuardian, told.length]).toEqual(before);
});

test('without a watchdog nothing is fed, and the status is told when it changes', () => {
  const life = signs(undefined);
  lookFor(life, 2, true);
  status = 'edge: backup of b';
  lookFor(life, 2, true);
  expect(told).toEqual(['STATUS=edge: owner', 'STATUS=edge: backup of b']);
});

test('it tells when the agent runs, when it stops and for how long that may take, and then no more', () => {
  const life = signs(undefined);
  life.start();
  life.stopping(5_000);
  life.end();
  expect(told).toEqual(['READY=1', 'STATUS=edge: owner', 'STOPPING=1', 'EXTEND_TIMEOUT_USEC=5000000', 'closed']);
});
