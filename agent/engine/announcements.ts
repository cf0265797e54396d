import { formatAddress } from '@tiebreak/shared/vrrp';
import type { AnnounceConfig } from '../config/index.ts';
import type { AddressClaim } from '../kernel/index.ts';
import {
  type AnnouncementSchedule,
  afterClaim,
  afterLoss,
  afterReplanning,
  afterRestoration,
  afterTakeover,
  nextAnnouncementUs,
  SILENT,
  takeDue,
} from './announcement-schedule.ts';
import type { Alarm, Clock } from './clock.ts';
import type { RateLimitedLog } from './rate-limited-log.ts';

/** For how long after a foreign claim the status tells of it. */
const ALARM_US = 60_000_000;

/** One virtual router's announcements while this node owns: repeated, and answers to others', which are capped. */
export class Announcements {
  readonly #announceNow: (copies: number) => void;
  #plan: AnnounceConfig;
  readonly #clock: Clock;
  readonly #complaints: RateLimitedLog;
  readonly #alarm: Alarm;
  #owns = false;
  #schedule: AnnouncementSchedule = SILENT;
  #claimed: { readonly text: string; readonly atUs: number } | undefined;
  #claims = 0;

  constructor(options: {
    /** Each address so often. */
    announceNow: (copies: number) => void;
    plan: AnnounceConfig;
    clock: Clock;
    complaints: RateLimitedLog;
  }) {
    this.#announceNow = options.announceNow;
    this.#plan = options.plan;
    this.#clock = options.clock;
    this.#complaints = options.complaints;
    this.#alarm = options.clock.alarm(() => this.#proceed(this.#schedule));
  }

  /** Announces now and begins the repeats. While they run already, somebody has claimed the addresses in between. */
  announce(): void {
    const nowUs = this.#clock.nowUs();
    const started = this.#owns;
    this.#owns = true;
    this.#proceed(
      started ? afterClaim(this.#schedule, this.#plan, nowUs) : afterTakeover(this.#schedule, this.#plan, nowUs),
    );
  }

  /** What was announced had gone from this host for a moment: an address, the carrier, the interface. */
  announceRestored(): void {
    if (this.#owns) this.#proceed(afterRestoration(this.#schedule, this.#plan, this.#clock.nowUs()));
  }

  /** Somebody else says that an address lives at his MAC address. Nothing to a node that does not own: it may be right. */
  claimedBy({ address, mac }: AddressClaim): void {
    if (!this.#owns) return;
    const nowUs = this.#clock.nowUs();
    this.#claims += 1;
    const place = [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    const text = `${place} announces ${formatAddress(address)}, which is owned here: announced again; find that host and take the address off it`;
    this.#claimed = { text, atUs: nowUs };
    this.#complaints.error('claimed', { address: formatAddress(address), mac: place }, text);
    this.#proceed(afterClaim(this.#schedule, this.#plan, nowUs));
  }

  /** A series that has begun goes on as it was planned; the longest silence counts from the last announcement. */
  change(plan: AnnounceConfig): void {
    this.#plan = plan;
    if (this.#owns) this.#proceed(afterReplanning(this.#schedule, plan));
  }

  /** This node owns no longer. */
  stop(): void {
    this.#owns = false;
    this.#schedule = afterLoss(this.#schedule);
    this.#alarm.clear();
  }

  /** How often somebody else claimed an address that is owned here. */
  get claims(): number {
    return this.#claims;
  }

  /** The last claim, while it is news. */
  get alarm(): string | undefined {
    const claimed = this.#claimed;
    return claimed !== undefined && this.#clock.nowUs() - claimed.atUs < ALARM_US ? claimed.text : undefined;
  }

  #proceed(schedule: AnnouncementSchedule): void {
    const taken = takeDue(schedule, this.#plan, this.#clock.nowUs());
    this.#schedule = taken.schedule;
    this.#alarm.set(nextAnnouncementUs(taken.schedule));
    if (taken.due !== undefined) this.#announceNow(this.#plan[taken.due === 'series' ? 'copies' : 'refreshCopies']);
  }
}
