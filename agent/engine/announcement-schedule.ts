/** When an owner announces its addresses (DESIGN section 4). Pure; all times are µs of one clock. */

/** After a takeover, after a conflict, and in answer to somebody else's claim: frames get lost, and caches hesitate. */
const REPEATS_US: readonly number[] = [0, 100_000, 500_000, 1_000_000, 5_000_000];
/** So often in one contest the whole series begins anew; then one announcement each time this has passed: no ARP wars. */
const SERIES_MAX = 5;
const CONTEST_US = 10_000_000;
/** Another program may remove an address as often as it likes: not every return of it is a frame. */
const RESTORED_GAP_US = 100_000;

export type AnnouncementSchedule = {
  /** what is still to be announced, earliest first */
  readonly dueUs: readonly number[];
  /** a contest lasts until nobody has claimed the addresses for 10 s */
  readonly claimedAtUs: number;
  readonly answeredAtUs: number;
  readonly announcedAtUs: number;
  readonly series: number;
};

export const SILENT: AnnouncementSchedule = {
  dueUs: [],
  claimedAtUs: Number.NEGATIVE_INFINITY,
  answeredAtUs: Number.NEGATIVE_INFINITY,
  announcedAtUs: Number.NEGATIVE_INFINITY,
  series: 0,
};

/** This node has become the owner. */
export function afterTakeover(schedule: AnnouncementSchedule, nowUs: number): AnnouncementSchedule {
  return { ...schedule, dueUs: seriesFrom(nowUs) };
}

/** Somebody else has announced an address, or has claimed the group in a conflict. */
export function afterClaim(schedule: AnnouncementSchedule, nowUs: number): AnnouncementSchedule {
  const contested = nowUs - schedule.claimedAtUs <= CONTEST_US;
  const series = contested ? schedule.series : 0;
  const claimed = { ...schedule, claimedAtUs: nowUs, series };
  if (series < SERIES_MAX) {
    return { ...claimed, series: series + 1, answeredAtUs: nowUs, dueUs: seriesFrom(nowUs) };
  }
  if (nowUs - schedule.answeredAtUs < CONTEST_US) return claimed;
  return { ...claimed, answeredAtUs: nowUs, dueUs: [nowUs, ...schedule.dueUs] };
}

/** The owner's own address, link or interface has come back: nobody's claim, and so not counted as part of a contest. */
export function afterRestoration(schedule: AnnouncementSchedule, nowUs: number): AnnouncementSchedule {
  return { ...schedule, dueUs: seriesFrom(Math.max(nowUs, schedule.announcedAtUs + RESTORED_GAP_US)) };
}

/** What is due now is one announcement, however many times have passed during a pause. */
export function takeDue(
  schedule: AnnouncementSchedule,
  nowUs: number,
): { readonly schedule: AnnouncementSchedule; readonly due: boolean } {
  const dueUs = schedule.dueUs.filter((atUs) => atUs > nowUs);
  const due = dueUs.length < schedule.dueUs.length;
  return { schedule: { ...schedule, dueUs, announcedAtUs: due ? nowUs : schedule.announcedAtUs }, due };
}

/** Infinity: nothing is to be announced. */
export function nextAnnouncementUs({ dueUs }: AnnouncementSchedule): number {
  return Math.min(...dueUs, Number.POSITIVE_INFINITY);
}

function seriesFrom(nowUs: number): number[] {
  return REPEATS_US.map((afterUs) => nowUs + afterUs);
}
