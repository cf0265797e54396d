import type { AnnounceConfig } from '../config/index.ts';

/** When an owner announces its addresses (DESIGN section 4). Pure; all times are µs of one clock. */

/** So often in one contest the whole series begins anew; then one announcement each time this has passed: no ARP wars. */
const SERIES_MAX = 5;
const CONTEST_US = 10_000_000;
/** Another program may remove an address as often as it likes: not every return of it is a frame. */
const RESTORED_GAP_US = 100_000;

/** After a takeover, after a conflict, and in answer to somebody else's claim: frames get lost, and caches hesitate. */
export type AnnouncementPlan = Pick<AnnounceConfig, 'repeatAfterUs' | 'refreshUs'>;

export type AnnouncementSchedule = {
  /** what is still to be announced of a series, earliest first */
  readonly dueUs: readonly number[];
  /** when the owner's silence has lasted too long */
  readonly refreshAtUs: number;
  /** a contest lasts until nobody has claimed the addresses for 10 s */
  readonly claimedAtUs: number;
  readonly answeredAtUs: number;
  readonly announcedAtUs: number;
  readonly series: number;
};

export const SILENT: AnnouncementSchedule = {
  dueUs: [],
  refreshAtUs: Number.POSITIVE_INFINITY,
  claimedAtUs: Number.NEGATIVE_INFINITY,
  answeredAtUs: Number.NEGATIVE_INFINITY,
  announcedAtUs: Number.NEGATIVE_INFINITY,
  series: 0,
};

/** This node has become the owner. */
export function afterTakeover(
  schedule: AnnouncementSchedule,
  plan: AnnouncementPlan,
  nowUs: number,
): AnnouncementSchedule {
  return { ...schedule, dueUs: seriesFrom(plan, nowUs) };
}

/** This node owns no longer. */
export function afterLoss(schedule: AnnouncementSchedule): AnnouncementSchedule {
  return { ...schedule, dueUs: [], refreshAtUs: Number.POSITIVE_INFINITY };
}

/** Somebody else has announced an address, or has claimed the group in a conflict. */
export function afterClaim(
  schedule: AnnouncementSchedule,
  plan: AnnouncementPlan,
  nowUs: number,
): AnnouncementSchedule {
  const contested = nowUs - schedule.claimedAtUs <= CONTEST_US;
  const series = contested ? schedule.series : 0;
  const claimed = { ...schedule, claimedAtUs: nowUs, series };
  if (series < SERIES_MAX) {
    return { ...claimed, series: series + 1, answeredAtUs: nowUs, dueUs: seriesFrom(plan, nowUs) };
  }
  if (nowUs - schedule.answeredAtUs < CONTEST_US) return claimed;
  return { ...claimed, answeredAtUs: nowUs, dueUs: [nowUs, ...schedule.dueUs] };
}

/** The owner's own address, link or interface has come back: nobody's claim, and so not counted as part of a contest. */
export function afterRestoration(
  schedule: AnnouncementSchedule,
  plan: AnnouncementPlan,
  nowUs: number,
): AnnouncementSchedule {
  return { ...schedule, dueUs: seriesFrom(plan, Math.max(nowUs, schedule.announcedAtUs + RESTORED_GAP_US)) };
}

/** Another plan for an owner that has announced already. */
export function afterReplanning(schedule: AnnouncementSchedule, { refreshUs }: AnnouncementPlan): AnnouncementSchedule {
  return { ...schedule, refreshAtUs: refreshAfter(schedule.announcedAtUs, refreshUs) };
}

/** What is due now is one announcement, however many times have passed during a pause. */
export function takeDue(
  schedule: AnnouncementSchedule,
  { refreshUs }: AnnouncementPlan,
  nowUs: number,
): { readonly schedule: AnnouncementSchedule; readonly due: 'series' | 'refresh' | undefined } {
  const dueUs = schedule.dueUs.filter((atUs) => atUs > nowUs);
  const inSeries = dueUs.length < schedule.dueUs.length;
  if (!inSeries && nowUs < schedule.refreshAtUs) return { schedule, due: undefined };
  return {
    schedule: { ...schedule, dueUs, refreshAtUs: refreshAfter(nowUs, refreshUs), announcedAtUs: nowUs },
    due: inSeries ? 'series' : 'refresh',
  };
}

/** Infinity: nothing is to be announced. */
export function nextAnnouncementUs({ dueUs, refreshAtUs }: AnnouncementSchedule): number {
  return Math.min(...dueUs, refreshAtUs);
}

function refreshAfter(announcedAtUs: number, refreshUs: number): number {
  return refreshUs > 0 ? announcedAtUs + refreshUs : Number.POSITIVE_INFINITY;
}

function seriesFrom({ repeatAfterUs }: AnnouncementPlan, nowUs: number): number[] {
  return [nowUs, ...repeatAfterUs.map((afterUs) => nowUs + afterUs)];
}
