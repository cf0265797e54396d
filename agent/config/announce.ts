import { z } from 'zod';
import { formatDuration } from './duration.ts';
import { at, type Finding } from './finding.ts';
import type { CheckedRouter } from './schema.ts';
import type { Source } from './source.ts';

const COPIES_MAX = 20;
const TIMES_MAX = 16;
const LATEST_REPEAT_US = 600_000_000;
/** Clients that wait for longer than this would notice. */
const ANNOUNCEMENT_LONG_US = 10_000_000;

/** keepalived's garp_… and gna_…: gratuitous ARP, and unsolicited neighbour advertisements. */
export function announceTable(durationUs: z.ZodType<number, string>, integer: (min: number, max: number) => z.ZodInt) {
  const repeatAfter = z
    .array(durationUs.refine((us) => us >= 1_000 && us <= LATEST_REPEAT_US, 'must be 1ms to 10m'))
    .max(TIMES_MAX)
    .refine((times) => times.every((us, index) => us > (times[index - 1] ?? -1)), 'must be in ascending order');
  return z.strictObject({
    repeat_after: repeatAfter.prefault(['100ms', '500ms', '1s', '5s']),
    copies: integer(1, COPIES_MAX).default(1),
    refresh: durationUs
      .refine((us) => us === 0 || us >= 1_000_000, 'must be 0s (never), or at least 1s')
      .prefault('0s'),
    refresh_copies: integer(1, COPIES_MAX).default(1),
    spacing: durationUs.refine((us) => us <= 1_000_000, 'must be at most 1s').prefault('0s'),
  });
}

/** Announcements that do nothing, or take too long. */
export function announceWarnings(routers: readonly CheckedRouter[], source: Source): Finding[] {
  return routers.flatMap(({ table, path }) => {
    const { copies, refresh, refresh_copies: refreshCopies, spacing } = table.announce;
    const found: Finding[] = [];
    if (refresh === 0 && refreshCopies > 1) {
      const here = [...path, 'announce', 'refresh_copies'];
      found.push(at(source.keyAt(here), here, 'has no effect without refresh'));
    }
    const us = table.addresses.length * Math.max(copies, refreshCopies) * spacing;
    if (us > ANNOUNCEMENT_LONG_US) {
      const here = [...path, 'announce', 'spacing'];
      const message = `one announcement of ${table.addresses.length} address(es) takes ${formatDuration(us)}: clients learn of the last one so much later`;
      found.push(at(source.valueAt(here), here, message, 'shorten spacing, or send fewer copies'));
    }
    return found;
  });
}
