import { fitting, type GroupReport, type PeerReport } from '@tiebreak/shared/wire';
import type { GroupStatus } from '../api/index.ts';
import { isHeard } from './explain.ts';
import type { LeaseGroup } from './lease-group.ts';
import type { SidebandLink } from './sideband-link.ts';

/** Whom this node hears, for the witness. `nowUs`: CLOCK_BOOTTIME. */
export function peerReports(
  links: readonly SidebandLink[],
  groups: readonly LeaseGroup[],
  nowUs: number,
): PeerReport[] {
  return links.map((link) => {
    const heard = groups.some(({ state }) => isHeard(state, link.peer, nowUs));
    const rttsUs = link.paths().flatMap(({ rttUs }) => rttUs ?? []);
    const fastestUs = heard && rttsUs.length > 0 ? Math.min(...rttsUs) : null;
    return {
      node: link.peer,
      state: heard ? 'heard' : 'silent',
      rtt_ms: fastestUs === null ? null : Math.round(fastestUs) / 1000,
    };
  });
}

/** A group as its status has it, for the witness. */
export function groupReport({ name, role, ballot, protected: isProtected, reason }: GroupStatus): GroupReport {
  return { group: name, role, ballot, protected: isProtected, reason: reason === null ? null : fitting(reason) };
}
