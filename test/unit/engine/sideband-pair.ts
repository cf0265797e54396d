import type { Ballot, Claim, Verdict } from '@tiebreak/shared/lease';
import type { SessionKey } from '@tiebreak/shared/wire';
import { SidebandInbox } from '../../../agent/engine/sideband-inbox.ts';
import { type LinkedGroup, SidebandLink } from '../../../agent/engine/sideband-link.ts';
import { recordedLog } from './recorded-log.ts';
import type { VirtualTime } from './virtual-time.ts';

export const KEY: SessionKey = { id: 1, key: new Uint8Array(32).fill(7) };
export const INTERVAL_US = 100_000;

/** A group that writes down what its link tells it, and grants whatever is asked. */
export class ScriptedGroup implements LinkedGroup {
  readonly name: string;
  readonly intervalUs: number;
  kind: Claim['kind'] = 'owns';
  readonly sentAtUs: number[] = [];
  readonly claims: Claim[] = [];
  readonly verdicts: { sentAtUs: number; verdict: Verdict }[] = [];
  readonly releases: Ballot[] = [];
  readonly invitations: Ballot[] = [];
  readonly transfers: { ballot: Ballot; to: string }[] = [];
  readonly departures: { kind: 'depart' | 'departed' | 'join'; departure: Ballot }[] = [];
  /** How long the judging takes, and on which clock. */
  thinks: (() => void) | undefined;

  constructor(name: string, intervalUs = INTERVAL_US) {
    this.name = name;
    this.intervalUs = intervalUs;
  }

  claim(): Claim {
    const ballot = { counter: 5, node: 'a' };
    return {
      group: this.name,
      kind: this.kind,
      ballot,
      configHash: '00000000000000aa',
      promiseMs: 250,
      priority: 100,
      settings: '000000bb',
    };
  }

  heartbeatSent(_to: string, sentAtUs: number): void {
    this.sentAtUs.push(sentAtUs);
  }

  judge(_from: string, claim: Claim): Verdict | undefined {
    this.claims.push(claim);
    this.thinks?.();
    if (claim.kind === 'none') return undefined;
    return { kind: 'granted', group: this.name, ballot: claim.ballot, promiseMs: 250 };
  }

  verdict(_from: string, sentAtUs: number, verdict: Verdict): void {
    this.verdicts.push({ sentAtUs, verdict });
  }

  released(_from: string, ballot: Ballot): void {
    this.releases.push(ballot);
  }

  transferred(_from: string, ballot: Ballot, to: string): void {
    this.transfers.push({ ballot, to });
  }

  invited(_from: string, ballot: Ballot): void {
    this.invitations.push(ballot);
  }

  departs(_from: string, departure: Ballot): void {
    this.departures.push({ kind: 'depart', departure });
  }

  departureNoted(_from: string, departure: Ballot): void {
    this.departures.push({ kind: 'departed', departure });
  }

  joins(_from: string, departure: Ballot): void {
    this.departures.push({ kind: 'join', departure });
  }

  /** Everything that was heard so far, for comparing. */
  heard(): string {
    return JSON.stringify([
      this.claims,
      this.verdicts,
      this.releases,
      this.transfers,
      this.invitations,
      this.departures,
    ]);
  }
}

export type SentDatagram = { readonly datagram: Uint8Array; readonly to: string };

/** One agent's end: a link, its inbox, and what it has sent but the test has not delivered yet. */
export class SidebandEnd {
  readonly link: SidebandLink;
  readonly inbox: SidebandInbox;
  readonly lines: () => { level: number; msg: string }[];
  sent: SentDatagram[] = [];
  /** What was given to the witness for the peer. */
  readonly relayed: Uint8Array[] = [];
  /** What happens while a datagram is being sent. */
  sending: () => void = () => {};

  constructor(
    time: VirtualTime,
    node: string,
    peer: string,
    groups: readonly LinkedGroup[],
    more: { start?: number; addresses?: readonly string[]; keys?: readonly [SessionKey, ...SessionKey[]] } = {},
  ) {
    const { start = 1, addresses = [`10.0.0.${peer}`], keys = [KEY] } = more;
    const { log, lines } = recordedLog();
    this.lines = lines;
    this.link = new SidebandLink({
      node,
      peer,
      addresses,
      groups,
      keys,
      nonce: new Uint8Array(8).fill(start * 16 + node.charCodeAt(0)),
      incarnation: start,
      send: (datagram, to) => {
        this.sent.push({ datagram, to });
        this.sending();
      },
      relay: (datagram) => this.relayed.push(datagram),
      clock: time,
      log,
    });
    this.inbox = new SidebandInbox(log, time);
    this.inbox.use([this.link]);
  }

  /** Takes what has been sent since, for the test to deliver, delay or lose. */
  take(): SentDatagram[] {
    const { sent } = this;
    this.sent = [];
    return sent;
  }
}

/** Brings everything that is under way to the other side, and what that answers, until nobody says anything. */
export function converse(left: SidebandEnd, right: SidebandEnd, delay: () => void = () => {}): void {
  for (let rounds = 0; left.sent.length + right.sent.length > 0; rounds += 1) {
    if (rounds > 50) throw new Error('the two never stop talking');
    const [fromLeft, fromRight] = [left.take(), right.take()];
    delay();
    for (const { datagram } of fromLeft) right.inbox.receive(datagram, addressOf(right));
    for (const { datagram } of fromRight) left.inbox.receive(datagram, addressOf(left));
  }
}

/** Where the peer of `end` sends from. */
function addressOf(end: SidebandEnd): string {
  return end.link.addresses[0] ?? '';
}
