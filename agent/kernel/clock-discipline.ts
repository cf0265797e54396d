import koffi from 'koffi';
import { type SystemResult, systemError } from './errno.ts';

const adjTimeX: (timex: Uint8Array) => number = koffi.load(null).func('int adjtimex(void *)');

/** Room for `struct timex` of every 64-bit architecture (208 bytes). */
const TIMEX_BYTES = 256;
const MAX_ERROR_AT = 24;
const STATUS_AT = 40;
const STA_UNSYNC = 0x40;

export type ClockDiscipline = {
  /** Whether some program (chrony, systemd-timesyncd, ntpd) has told the kernel that the clock is right. */
  readonly synchronised: boolean;
  /** By how much it may be wrong nevertheless, as that program says. */
  readonly maxErrorUs: number;
};

/** adjtimex(2), which only looks: no mode is set. Needs no privilege. */
export function readClockDiscipline(): SystemResult<ClockDiscipline> {
  const timex = new Uint8Array(TIMEX_BYTES);
  if (adjTimeX(timex) === -1) return systemError('adjtimex', koffi.errno());
  const view = new DataView(timex.buffer);
  return {
    ok: true,
    value: {
      synchronised: (view.getInt32(STATUS_AT, true) & STA_UNSYNC) === 0,
      maxErrorUs: Number(view.getBigInt64(MAX_ERROR_AT, true)),
    },
  };
}
