import {
  decidedAfter,
  type GroupReport,
  type PeerReport,
  REPORT_DECISIONS_MAX,
  REPORT_GROUPS_MAX,
  REPORT_PEERS_MAX,
} from '@tiebreak/shared/wire';
import type { Report } from './requests.ts';

/** Round trips change with every packet; this is how old the witness's figures of them get. */
export const PEERS_EVERY_US = 600_000_000;

type Sent = { readonly groups: readonly GroupReport[]; readonly peers: string };

/**
 * What of all that this node sees the witness does not know yet, a message at a time and without a clock of its own. Each
 * link begins anew: with every group, and with the question which decisions the witness knows.
 */
export class Reports {
  /** By group, as the witness has it. */
  readonly #groups = new Map<string, string>();
  #peers: string | undefined;
  #peersAtUs = Number.NEGATIVE_INFINITY;
  /** The last decision that the witness knows; undefined until it has said so. */
  #decided: string | null | undefined;
  #underWay: Sent | undefined;
  #peersEveryUs = PEERS_EVERY_US;

  /** @param peersEveryUs so often something is told even if nothing is new */
  linkOpened(peersEveryUs: number): void {
    this.#peersEveryUs = peersEveryUs;
    this.#groups.clear();
    this.#peers = undefined;
    this.#decided = undefined;
    this.#underWay = undefined;
  }

  /** The next message; null while one is under way, and when there is nothing new. */
  next({ peers, groups, decisions }: Report, nowUs: number): Report | null {
    if (this.#underWay !== undefined) return null;
    const hearing = hearingOf(peers);
    const changed = groups.filter((group) => this.#groups.get(group.group) !== essentialsOf(group));
    const fresh = this.#newer(decisions);
    const refresh = hearing !== this.#peers || nowUs - this.#peersAtUs >= this.#peersEveryUs;
    if (changed.length === 0 && fresh.length === 0 && !refresh) return null;
    return {
      peers: peers.slice(0, REPORT_PEERS_MAX),
      groups: changed.slice(0, REPORT_GROUPS_MAX),
      decisions: fresh.slice(0, REPORT_DECISIONS_MAX),
    };
  }

  sent({ peers, groups }: Report): void {
    this.#underWay = { groups, peers: hearingOf(peers) };
  }

  /** @param decided the last decision that the witness knows by now; undefined: it has not taken the report */
  answered(decided: string | null | undefined, nowUs: number): void {
    const sent = this.#underWay;
    this.#underWay = undefined;
    if (sent === undefined || decided === undefined) return;
    for (const group of sent.groups) this.#groups.set(group.group, essentialsOf(group));
    this.#peers = sent.peers;
    this.#peersAtUs = nowUs;
    this.#decided = decided;
  }

  #newer(decisions: Report['decisions']): Report['decisions'] {
    const decided = this.#decided;
    if (decided === undefined) return [];
    // From the end: this runs every second, and as a rule there is nothing new among a thousand.
    return decisions.slice(decisions.findLastIndex(({ id }) => !decidedAfter(id, decided)) + 1);
  }
}

/** Reasons hold numbers that count down: they are no news by themselves. */
function essentialsOf({ role, ballot, protected: isProtected }: GroupReport): string {
  return `${role} ${ballot.counter} ${ballot.node} ${isProtected}`;
}

function hearingOf(peers: readonly PeerReport[]): string {
  return peers.map(({ node, state }) => `${node} ${state}`).join(',');
}
