import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AnnouncementPlan,
  type AnnouncementSchedule,
  afterClaim,
  afterLoss,
  afterRestoration,
  afterTakeover,
  nextAnnouncementUs,
  SILENT,
  takeDue,
} from '../../../agent/engine/announcement-schedule.ts';

const SECOND = 1_000_000;
const PLAN: AnnouncementPlan = { repeatAfterUs: [0.1 * SECOND, 0.5 * SECOND, SECOND, 5 * SECOND], refreshUs: 0 };

/** When it announces, in seconds, if it is asked whenever something is due; `claims` are the times of others' claims. */
function announcedAt(
  start: AnnouncementSchedule,
  claims: readonly number[],
  untilUs: number,
  plan: AnnouncementPlan = PLAN,
): number[] {
  const announced: number[] = [];
  let schedule = start;
  const pending = [...claims];
  for (;;) {
    const claimUs = pending[0] ?? Number.POSITIVE_INFINITY;
    const nowUs = Math.min(claimUs, nextAnnouncementUs(schedule));
    if (nowUs > untilUs) return announced;
    if (nowUs === claimUs) {
      pending.shift();
      schedule = afterClaim(schedule, plan, nowUs);
    }
    const taken = takeDue(schedule, plan, nowUs);
    schedule = taken.schedule;
    if (taken.due !== undefined) announced.push(nowUs / SECOND);
  }
}

const every = (periodUs: number, count: number) => Array.from({ length: count }, (_, index) => index * periodUs);

describe('announcements', () => {
  test('are repeated after a takeover at 0, 0.1, 0.5, 1 and 5 s', () => {
    expect(announcedAt(afterTakeover(SILENT, PLAN, 0), [], 60 * SECOND)).toEqual([0, 0.1, 0.5, 1, 5]);
  });

  test('begin anew when somebody else claims the address, and take the place of those that were to come', () => {
    const claimed = announcedAt(afterTakeover(SILENT, PLAN, 0), [0.7 * SECOND], 60 * SECOND);
    expect(claimed).toEqual([0, 0.1, 0.5, 0.7, 0.8, 1.2, 1.7, 5.7]);
  });

  test('wage no war: against one that goes on, five series and then one every 10 s', () => {
    const announced = announcedAt(SILENT, every(0.1 * SECOND, 600), 60 * SECOND);
    expect(announced.filter((at) => at < 0.45)).toHaveLength(5);
    expect(announced.filter((at) => at < 10)).toHaveLength(9);
    const later = announced.filter((at) => at >= 10).map((at) => Math.round(10 * at) / 10);
    expect(later).toEqual([10.4, 20.4, 30.4, 40.4, 50.4]);
  });

  test('are as many as at first once nobody has claimed anything for 10 s', () => {
    const war = every(0.1 * SECOND, 20);
    const again = [war.length * 0.1 * SECOND + 11 * SECOND];
    const announced = announcedAt(SILENT, [...war, ...again], 60 * SECOND);
    expect(announced.filter((at) => at >= 12)).toEqual([13, 13.1, 13.5, 14, 18]);
  });

  test('of what this host lost and has again are at most ten a second, and leave the answers to a claim alone', () => {
    const announced: number[] = [];
    let schedule = SILENT;
    const at = (nowUs: number) => {
      const taken = takeDue(schedule, PLAN, nowUs);
      schedule = taken.schedule;
      if (taken.due !== undefined) announced.push(nowUs / SECOND);
    };
    for (let nowUs = 0; nowUs < SECOND; nowUs += 1_000) {
      schedule = afterRestoration(schedule, PLAN, nowUs);
      at(nowUs);
    }
    expect(announced).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
    expect(announcedAt(schedule, [3 * SECOND], 60 * SECOND)).toEqual([1, 1.1, 1.5, 2, 3, 3.1, 3.5, 4, 8]);
  });

  test('that fell into a pause are made up for by one', () => {
    const woken = takeDue(afterTakeover(SILENT, PLAN, 0), PLAN, 3 * SECOND);
    expect(woken.due).toBe('series');
    expect(nextAnnouncementUs(woken.schedule)).toBe(5 * SECOND);
    expect(takeDue(woken.schedule, PLAN, 3 * SECOND).due).toBeUndefined();
  });

  test('come as planned: other times, or the first one alone', () => {
    const plan = { repeatAfterUs: [10 * SECOND], refreshUs: 0 };
    expect(announcedAt(afterTakeover(SILENT, plan, 0), [], 60 * SECOND, plan)).toEqual([0, 10]);
    const once = { repeatAfterUs: [], refreshUs: 0 };
    expect(announcedAt(afterTakeover(SILENT, once, 0), [30 * SECOND], 60 * SECOND, once)).toEqual([0, 30]);
  });

  test('are refreshed when nothing was announced for so long, until the node owns no longer', () => {
    const plan = { repeatAfterUs: [2 * SECOND], refreshUs: 10 * SECOND };
    expect(announcedAt(afterTakeover(SILENT, plan, 0), [25 * SECOND], 50 * SECOND, plan)).toEqual([
      0, 2, 12, 22, 25, 27, 37, 47,
    ]);
    const { schedule, due } = takeDue(afterTakeover(SILENT, plan, 0), plan, 0);
    expect(due).toBe('series');
    expect(takeDue(takeDue(schedule, plan, 2 * SECOND).schedule, plan, 12 * SECOND).due).toBe('refresh');
    expect(nextAnnouncementUs(afterLoss(schedule))).toBe(Number.POSITIVE_INFINITY);
    expect(nextAnnouncementUs(SILENT)).toBe(Number.POSITIVE_INFINITY);
  });

  test('whatever is claimed and whenever: at most 30 in any 10 s, and an answer less than 10 s away', () => {
    const claims = fc.array(fc.nat(60 * SECOND), { maxLength: 200 }).map((times) => times.sort((a, b) => a - b));
    fc.assert(
      fc.property(claims, (times) => {
        const announced = announcedAt(SILENT, times, 90 * SECOND);
        for (const from of announced) {
          expect(announced.filter((at) => at >= from && at < from + 10).length).toBeLessThanOrEqual(30);
        }
        // The answer to a claim that the cap holds back was given less than 10 s before.
        for (const time of times) {
          expect(announced.some((at) => Math.abs(at - time / SECOND) <= 10)).toBe(true);
        }
      }),
    );
  });
});
