import {
  INITIALIZE,
  nextDeadlineUs,
  type RouterEffect,
  type RouterEvent,
  type RouterParameters,
  type RouterState,
  routerParameters,
  step,
} from '@tiebreak/shared/vrrp';
import { describe, expect, test } from 'vitest';
import { address } from './addresses.ts';

const NOW_US = 5_000_000_000;
const INTERVAL_US = 1_000_000;
const OURS = address('192.0.2.10');
const LOWER_ADDRESS = address('192.0.2.9');
const HIGHER_ADDRESS = address('192.0.2.200');

const plain = routerParameters({
  version: 3,
  priority: 100,
  intervalUs: INTERVAL_US,
  preempt: true,
  preemptDelayUs: 0,
  primaryAddress: OURS,
});
const version2: RouterParameters = { ...plain, version: 2 };
const owner: RouterParameters = { ...plain, priority: 255 };
const polite: RouterParameters = { ...plain, preempt: false };

/** Golden values of priority 100: at an interval of 1 s, and at an adopted one of 4 s. */
const SKEW_US = 609_375;
const DOWN_US = 3_609_375;
const DOWN_AT_4S_US = 14_437_500;

const DEADLINE_US = NOW_US + 400_000;
const backup = {
  kind: 'backup',
  deadlineUs: DEADLINE_US,
  activeIntervalUs: INTERVAL_US,
  preemptAtUs: undefined,
} as const satisfies RouterState;
const active = { kind: 'active', deadlineUs: DEADLINE_US } as const satisfies RouterState;

function heard(priority: number, source = LOWER_ADDRESS, intervalUs = INTERVAL_US): RouterEvent {
  return { kind: 'advertisement', priority, source, intervalUs };
}

const EVENTS_BUT_STARTUP: RouterEvent[] = [{ kind: 'shutdown' }, { kind: 'timer' }, heard(0), heard(50), heard(255)];

/** An effect as one reads it in a log. */
function told(effect: RouterEffect): string {
  switch (effect.kind) {
    case 'send-advertisement':
      return `advertise ${effect.priority}`;
    case 'add-addresses':
    case 'remove-addresses':
      return effect.kind;
    case 'announce':
      return `announce after ${effect.cause}`;
    case 'adopt-interval':
      return `adopt ${effect.intervalUs} us`;
    case 'discard':
      return `discard: ${effect.reason}`;
    case 'change-state':
      return `${effect.from} -> ${effect.to} (${effect.cause})`;
  }
}

const PROMOTION = ['advertise 100', 'add-addresses', 'announce after promotion'];

type Cell = {
  rule: string;
  router?: RouterParameters;
  from: RouterState;
  event: RouterEvent;
  atUs?: number;
  to: RouterState;
  effects: string[];
};

function proves(cells: Cell[]): void {
  test.each(cells)('$rule', ({ router = plain, from, event, atUs = NOW_US, to, effects }) => {
    const stepped = step(router, from, event, atUs);
    expect(stepped.state).toEqual(to);
    expect(stepped.effects.map(told)).toEqual(effects);
  });
}

describe('Initialize (RFC 9568 section 6.4.1)', () => {
  proves([
    {
      rule: 'the owner is Active at once',
      router: owner,
      from: INITIALIZE,
      event: { kind: 'startup' },
      to: { kind: 'active', deadlineUs: NOW_US + INTERVAL_US },
      effects: [
        'advertise 255',
        'add-addresses',
        'announce after promotion',
        'initialize -> active (startup-as-owner)',
      ],
    },
    {
      rule: 'anyone else waits one down interval of its own as Backup',
      from: INITIALIZE,
      event: { kind: 'startup' },
      to: { ...backup, deadlineUs: NOW_US + DOWN_US },
      effects: ['initialize -> backup (startup)'],
    },
    ...EVENTS_BUT_STARTUP.map((event) => ({
      rule: `nothing else matters: ${JSON.stringify(event)}`,
      from: INITIALIZE,
      event,
      to: INITIALIZE,
      effects: [],
    })),
  ]);
});

describe('Backup (RFC 9568 section 6.4.2)', () => {
  const restarted = { ...backup, deadlineUs: NOW_US + DOWN_US };
  proves([
    {
      rule: 'the down timer promotes: advertisement, then addresses, then announcement',
      from: backup,
      event: { kind: 'timer' },
      atUs: DEADLINE_US,
      to: { kind: 'active', deadlineUs: DEADLINE_US + INTERVAL_US },
      effects: [...PROMOTION, 'backup -> active (timer-expired)'],
    },
    {
      rule: 'after promotion it advertises at its own interval, not the adopted one',
      from: { ...backup, activeIntervalUs: 4_000_000 },
      event: { kind: 'timer' },
      atUs: DEADLINE_US + 7,
      to: { kind: 'active', deadlineUs: DEADLINE_US + 7 + INTERVAL_US },
      effects: [...PROMOTION, 'backup -> active (timer-expired)'],
    },
    {
      rule: 'a timer event before the deadline is stale',
      from: backup,
      event: { kind: 'timer' },
      atUs: DEADLINE_US - 0.5,
      to: backup,
      effects: [],
    },
    {
      rule: 'priority 0 leaves the skew time only',
      from: backup,
      event: heard(0),
      to: { ...backup, deadlineUs: NOW_US + SKEW_US },
      effects: [],
    },
    {
      rule: "the skew time after priority 0 follows the Active Router's interval, not the one in that advertisement",
      from: { ...backup, activeIntervalUs: 4_000_000 },
      event: heard(0, LOWER_ADDRESS, 50_000),
      to: { ...backup, activeIntervalUs: 4_000_000, deadlineUs: NOW_US + 4 * SKEW_US },
      effects: [],
    },
    { rule: 'a higher priority restarts the timer', from: backup, event: heard(101), to: restarted, effects: [] },
    { rule: 'an equal priority restarts the timer', from: backup, event: heard(100), to: restarted, effects: [] },
    {
      rule: 'addresses are never compared',
      from: backup,
      event: heard(99, HIGHER_ADDRESS),
      to: backup,
      effects: ['discard: inferior'],
    },
    {
      rule: 'another interval is adopted, and the timer computed from it',
      from: backup,
      event: heard(200, LOWER_ADDRESS, 4_000_000),
      to: { ...backup, activeIntervalUs: 4_000_000, deadlineUs: NOW_US + DOWN_AT_4S_US },
      effects: ['adopt 4000000 us'],
    },
    {
      rule: 'the known interval is not adopted again',
      from: { ...backup, activeIntervalUs: 4_000_000 },
      event: heard(200, LOWER_ADDRESS, 4_000_000),
      to: { ...backup, activeIntervalUs: 4_000_000, deadlineUs: NOW_US + DOWN_AT_4S_US },
      effects: [],
    },
    {
      rule: 'a lower priority is discarded and the timer runs on',
      from: backup,
      event: heard(99, LOWER_ADDRESS, 4_000_000),
      to: backup,
      effects: ['discard: inferior'],
    },
    {
      rule: 'without preemption a lower priority is as good as any',
      router: polite,
      from: backup,
      event: heard(1, LOWER_ADDRESS, 4_000_000),
      to: { ...backup, activeIntervalUs: 4_000_000, deadlineUs: NOW_US + DOWN_AT_4S_US },
      effects: ['adopt 4000000 us'],
    },
    {
      rule: 'the owner preempts even if it is told not to',
      router: { ...owner, preempt: false },
      from: backup,
      event: heard(254),
      to: backup,
      effects: ['discard: inferior'],
    },
    {
      rule: 'version 2 discards another interval, whatever the priority (RFC 3768 section 7.1)',
      router: version2,
      from: backup,
      event: heard(200, LOWER_ADDRESS, 2_000_000),
      to: backup,
      effects: ['discard: interval-mismatch'],
    },
    {
      rule: 'version 2 discards another interval even with priority 0',
      router: version2,
      from: backup,
      event: heard(0, LOWER_ADDRESS, 2_000_000),
      to: backup,
      effects: ['discard: interval-mismatch'],
    },
    {
      rule: 'version 2 takes its own interval as version 3 does',
      router: version2,
      from: backup,
      event: heard(100),
      to: restarted,
      effects: [],
    },
    {
      rule: 'shutdown says nothing',
      from: backup,
      event: { kind: 'shutdown' },
      to: INITIALIZE,
      effects: ['backup -> initialize (shutdown)'],
    },
    { rule: 'a second startup changes nothing', from: backup, event: { kind: 'startup' }, to: backup, effects: [] },
  ]);
});

describe('Active (RFC 9568 section 6.4.3)', () => {
  const reasserted = ['discard: inferior', 'advertise 100', 'announce after conflict'];
  const demoted = ['remove-addresses', 'active -> backup (superior)'];
  const asBackup = { ...backup, deadlineUs: NOW_US + DOWN_US };
  proves([
    {
      rule: 'its timer advertises and is set to one interval after it was due',
      from: active,
      event: { kind: 'timer' },
      atUs: DEADLINE_US + 3_000,
      to: { kind: 'active', deadlineUs: DEADLINE_US + INTERVAL_US },
      effects: ['advertise 100'],
    },
    {
      rule: 'after a pause missed advertisements are not made up for',
      from: active,
      event: { kind: 'timer' },
      atUs: DEADLINE_US + 10 * INTERVAL_US,
      to: { kind: 'active', deadlineUs: DEADLINE_US + 11 * INTERVAL_US },
      effects: ['advertise 100'],
    },
    {
      rule: 'a timer event before the deadline is stale',
      from: active,
      event: { kind: 'timer' },
      atUs: DEADLINE_US - 0.5,
      to: active,
      effects: [],
    },
    {
      rule: 'priority 0 is answered by an advertisement and a fresh interval',
      from: active,
      event: heard(0),
      to: { kind: 'active', deadlineUs: NOW_US + INTERVAL_US },
      effects: ['advertise 100'],
    },
    {
      rule: 'a higher priority demotes, preemption or not',
      router: polite,
      from: active,
      event: heard(101),
      to: asBackup,
      effects: demoted,
    },
    {
      rule: 'an equal priority from a higher address demotes',
      from: active,
      event: heard(100, HIGHER_ADDRESS),
      to: asBackup,
      effects: demoted,
    },
    {
      rule: 'demotion adopts the interval of the winner',
      from: active,
      event: heard(101, LOWER_ADDRESS, 4_000_000),
      to: { ...backup, activeIntervalUs: 4_000_000, deadlineUs: NOW_US + DOWN_AT_4S_US },
      effects: ['remove-addresses', 'adopt 4000000 us', 'active -> backup (superior)'],
    },
    {
      rule: 'a lower priority is answered at once, and the timer runs on',
      from: active,
      event: heard(99, HIGHER_ADDRESS),
      to: active,
      effects: reasserted,
    },
    {
      rule: 'an equal priority from a lower address is answered at once, and the timer runs on',
      from: active,
      event: heard(100, LOWER_ADDRESS),
      to: active,
      effects: reasserted,
    },
    {
      rule: 'version 2 does not answer a losing advertisement (RFC 3768 section 6.4.3), but hosts are told again',
      router: version2,
      from: active,
      event: heard(99),
      to: active,
      effects: ['discard: inferior', 'announce after conflict'],
    },
    {
      rule: 'version 2 yields to a higher priority',
      router: version2,
      from: active,
      event: heard(101),
      to: asBackup,
      effects: demoted,
    },
    {
      rule: 'version 2 discards another interval even from a higher priority',
      router: version2,
      from: active,
      event: heard(255, HIGHER_ADDRESS, 2_000_000),
      to: active,
      effects: ['discard: interval-mismatch'],
    },
    {
      rule: 'the echo of its own advertisement is not answered',
      from: active,
      event: heard(100, Uint8Array.from(OURS)),
      to: active,
      effects: ['discard: own-address'],
    },
    {
      rule: 'the owner yields to another owner with a higher address (erratum 8298)',
      router: owner,
      from: active,
      event: heard(255, HIGHER_ADDRESS),
      to: { ...backup, deadlineUs: NOW_US + 3 * INTERVAL_US + INTERVAL_US / 256 },
      effects: demoted,
    },
    {
      rule: 'shutdown withdraws the addresses and then gives up with priority 0',
      from: active,
      event: { kind: 'shutdown' },
      to: INITIALIZE,
      effects: ['remove-addresses', 'advertise 0', 'active -> initialize (shutdown)'],
    },
    { rule: 'a second startup changes nothing', from: active, event: { kind: 'startup' }, to: active, effects: [] },
  ]);

  test('IPv6 addresses are compared as unsigned numbers', () => {
    const router = { ...plain, primaryAddress: address('fe80::7f') };
    expect(step(router, active, heard(100, address('fe80::80')), NOW_US).state.kind).toBe('backup');
    expect(step(router, active, heard(100, address('fe80::7e')), NOW_US).state.kind).toBe('active');
  });
});

describe('the preemption delay', () => {
  const DELAY_US = 10_000_000;
  const patient: RouterParameters = { ...plain, preemptDelayUs: DELAY_US };
  const delayed = { ...backup, preemptAtUs: NOW_US + DELAY_US };

  proves([
    {
      rule: 'starts with the first lower-priority advertisement, which counts as a good one',
      router: patient,
      from: backup,
      event: heard(50, LOWER_ADDRESS, 4_000_000),
      to: {
        kind: 'backup',
        deadlineUs: NOW_US + DOWN_AT_4S_US,
        activeIntervalUs: 4_000_000,
        preemptAtUs: NOW_US + DELAY_US,
      },
      effects: ['adopt 4000000 us'],
    },
    {
      rule: 'is not prolonged by further ones',
      router: patient,
      from: delayed,
      event: heard(50),
      atUs: NOW_US + DELAY_US - 1,
      to: { ...delayed, deadlineUs: NOW_US + DELAY_US - 1 + DOWN_US },
      effects: [],
    },
    {
      rule: 'has passed when it is over: lower priorities are discarded again',
      router: patient,
      from: delayed,
      event: heard(50),
      atUs: NOW_US + DELAY_US,
      to: delayed,
      effects: ['discard: inferior'],
    },
    {
      rule: 'is forgotten when a router of equal priority is heard',
      router: patient,
      from: delayed,
      event: heard(100),
      to: { ...backup, deadlineUs: NOW_US + DOWN_US },
      effects: [],
    },
    {
      rule: 'does not hold up the succession of a router that gives up',
      router: patient,
      from: delayed,
      event: heard(0),
      to: { ...delayed, deadlineUs: NOW_US + SKEW_US },
      effects: [],
    },
    {
      rule: 'does not hold up the succession of a router that fell silent',
      router: patient,
      from: delayed,
      event: { kind: 'timer' },
      atUs: DEADLINE_US,
      to: { kind: 'active', deadlineUs: DEADLINE_US + INTERVAL_US },
      effects: [...PROMOTION, 'backup -> active (timer-expired)'],
    },
    {
      rule: 'does not bind the owner',
      router: { ...patient, priority: 255 },
      from: backup,
      event: heard(254),
      to: backup,
      effects: ['discard: inferior'],
    },
    {
      rule: 'means nothing without preemption',
      router: { ...patient, preempt: false },
      from: backup,
      event: heard(50),
      to: { ...backup, deadlineUs: NOW_US + DOWN_US },
      effects: [],
    },
  ]);
});

test('a state tells when it wants its timer event', () => {
  expect([INITIALIZE, backup, active].map(nextDeadlineUs)).toEqual([undefined, DEADLINE_US, DEADLINE_US]);
});

test('a lowered priority is that of the next advertisement and of the next comparison', () => {
  const weakened = { ...plain, priority: 60 };
  expect(step(weakened, active, { kind: 'timer' }, DEADLINE_US).effects.map(told)).toEqual(['advertise 60']);
  expect(step(weakened, active, heard(61), NOW_US).state.kind).toBe('backup');
});

describe('parameters that the protocol cannot carry are refused', () => {
  test.each([
    ['priority 0 is for giving up', { priority: 0 }],
    ['priority above 255', { priority: 256 }],
    ['priority between two integers', { priority: 99.5 }],
    ['no interval', { intervalUs: 0 }],
    ['an interval beyond 12 bits of centiseconds', { intervalUs: 40_950_001 }],
    ['version 2 below a second', { version: 2, intervalUs: 250_000 }],
    ['a negative delay', { preemptDelayUs: -1 }],
    ['an endless delay', { preemptDelayUs: Number.POSITIVE_INFINITY }],
    ['no address', { primaryAddress: new Uint8Array(0) }],
    ['version 2 over IPv6', { version: 2, primaryAddress: address('fe80::1') }],
  ] as const)('%s', (_, fields) => {
    expect(() => routerParameters({ ...plain, ...fields })).toThrow(RangeError);
  });

  test('what it can carry is taken as it is', () => {
    const fast = { ...plain, priority: 255, intervalUs: 56_000, primaryAddress: address('fe80::1') };
    expect(routerParameters(fast)).toEqual(fast);
  });
});
