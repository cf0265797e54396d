import { type ClockDiscipline, readClockDiscipline } from '../kernel/index.ts';
import { valueOrThrow } from './examination.ts';
import { type Finding, ok, warning } from './finding.ts';

export function readClock(): ClockDiscipline {
  return valueOrThrow(readClockDiscipline());
}

/** Votes do without a right wall clock; people and certificates do not. */
export function judgeClockDiscipline({ synchronised, maxErrorUs }: ClockDiscipline): readonly Finding[] {
  if (synchronised) return [ok('clock', `is synchronised, to ${Math.ceil(maxErrorUs / 1000)} ms or better`)];
  const found =
    'nothing synchronises it: votes do not care, but the logs of two nodes cannot be compared, and TLS may fail';
  return [warning('clock', found, 'run chrony or systemd-timesyncd (timedatectl set-ntp true)')];
}
