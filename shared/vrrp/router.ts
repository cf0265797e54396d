import { announcedIntervalCs, announcedIntervalS, OWNER_PRIORITY, type VrrpVersion } from './timers.ts';

/** What is configured. A changed one (a check lowers the priority) is simply passed to the next `step`. */
export type RouterParameters = {
  readonly version: VrrpVersion;
  /** 1 to 255 (owner) */
  readonly priority: number;
  /** Advertisement_Interval: version 3 above 0 and at most 40.95 s, version 2 whole seconds up to 255 */
  readonly intervalUs: number;
  readonly preempt: boolean;
  /** 0: no delay. Without meaning unless `preempt`. */
  readonly preemptDelayUs: number;
  /** The source address of our advertisements, in network order: the tie-break between equal priorities. */
  readonly primaryAddress: Uint8Array;
};

export type RouterState =
  | { readonly kind: 'initialize' }
  | {
      readonly kind: 'backup';
      /** Active_Down_Timer */
      readonly deadlineUs: number;
      /** Active_Adver_Interval */
      readonly activeIntervalUs: number;
      /** The end of a preemption delay that has been started, whether it has passed or not. */
      readonly preemptAtUs: number | undefined;
    }
  | {
      readonly kind: 'active';
      /** Adver_Timer */
      readonly deadlineUs: number;
    };

export type RouterEvent =
  | { readonly kind: 'startup' }
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'timer' }
  /** The others of its group own, or are ready to: it owns with them (routers.ts). */
  | { readonly kind: 'group-active' }
  /** One of its group has found a better owner. */
  | { readonly kind: 'group-backup' }
  /** Its timer has expired, and another one of its group hears an owner. */
  | { readonly kind: 'group-waits' }
  | {
      readonly kind: 'advertisement';
      readonly priority: number;
      readonly source: Uint8Array;
      readonly intervalUs: number;
    };

export type DiscardReason = 'interval-mismatch' | 'inferior' | 'own-address';

/** Performed in order, before the next event is stepped. */
export type RouterEffect =
  | { readonly kind: 'send-advertisement'; readonly priority: number }
  | { readonly kind: 'add-addresses' }
  | { readonly kind: 'remove-addresses' }
  /** Gratuitous ARP, unsolicited neighbour advertisements. */
  | { readonly kind: 'announce'; readonly cause: 'promotion' | 'conflict' }
  /** The Active Router's interval differs from the one known so far: worth a log line (RFC 9568 section 7.1). */
  | { readonly kind: 'adopt-interval'; readonly intervalUs: number }
  | { readonly kind: 'discard'; readonly reason: DiscardReason }
  | {
      readonly kind: 'change-state';
      readonly from: RouterState['kind'];
      readonly to: RouterState['kind'];
      readonly cause: Occurrence;
    };

/** What an event means to a router in its state. */
export type Occurrence =
  | 'startup'
  | 'startup-as-owner'
  | 'shutdown'
  | 'timer-expired'
  | 'group-active'
  | 'group-backup'
  | 'group-waits'
  | 'interval-mismatch' // version 2 only (RFC 3768 section 7.1)
  | 'release' // the Active Router gives up: priority 0
  | 'accepted' // Backup: not lower than ours, or we do not preempt
  | 'tolerated' // Backup: lower than ours, but the preemption delay runs
  | 'inferior' // Backup: lower than ours. Active: lower, or equal from a lower address
  | 'inferior-version-2' // Active, version 2: RFC 3768 section 6.4.3 does not advertise at once
  | 'superior' // Active: higher, or equal from a higher address
  | 'own-address'; // Active: equal, from our own address

/** Where every virtual router begins. */
export const INITIALIZE: RouterState = { kind: 'initialize' };

/** Checked parameters. Throws RangeError when one is out of its range. */
export function routerParameters(fields: RouterParameters): RouterParameters {
  const { version, priority, intervalUs, preemptDelayUs, primaryAddress } = fields;
  if (!Number.isInteger(priority) || priority < 1 || priority > OWNER_PRIORITY) {
    throw new RangeError(`priority is an integer from 1 to ${OWNER_PRIORITY}, not ${priority}`);
  }
  if (version === 2) announcedIntervalS(intervalUs);
  else announcedIntervalCs(intervalUs);
  if (!(preemptDelayUs >= 0 && Number.isFinite(preemptDelayUs))) {
    throw new RangeError(`the preemption delay is not negative and ends, not ${preemptDelayUs} us`);
  }
  if (primaryAddress.length !== 4 && (version === 2 || primaryAddress.length !== 16)) {
    throw new RangeError(`a version ${version} primary address cannot have ${primaryAddress.length} bytes`);
  }
  return fields;
}
