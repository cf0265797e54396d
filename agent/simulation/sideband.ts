import type { MemberEvent } from '@tiebreak/shared/lease';
import type { SidebandBody, SidebandDatagram } from './messages.ts';

/** Which heartbeat a step answers. */
export type Answering = { readonly to: string; readonly incarnation: number; readonly sequence: number };

export type Heard = { readonly event: MemberEvent; readonly answering: Answering | undefined };

const SENT_REMEMBERED = 64;
const SEQUENCES_REMEMBERED = 1024;

type Session = { readonly incarnation: number; highest: number; sequences: Set<number> };

/** One process's part of its sessions with the other agents: numbers what it sends, and believes each datagram once (L3). */
export class Sideband {
  readonly #node: string;
  readonly #deliver: (to: string, datagram: SidebandDatagram) => void;
  /** refuse duplicates and datagrams of earlier runs; without it everything comes through */
  readonly #strict: boolean;
  readonly #heard = new Map<string, Session>();
  readonly #sent = new Map<number, number>();
  #incarnation = 0;
  #sequence = 0;

  constructor(node: string, strict: boolean, deliver: (to: string, datagram: SidebandDatagram) => void) {
    this.#node = node;
    this.#strict = strict;
    this.#deliver = deliver;
  }

  /** A new process knows of no session. */
  begin(incarnation: number): void {
    this.#incarnation = incarnation;
    this.#sequence = 0;
    this.#heard.clear();
    this.#sent.clear();
  }

  send(to: string, body: SidebandBody): number {
    this.#sequence++;
    this.#deliver(to, { from: this.#node, incarnation: this.#incarnation, sequence: this.#sequence, body });
    return this.#sequence;
  }

  /** An ack of this heartbeat counts from `sentAtUs` (L2). */
  remember(sequence: number, sentAtUs: number): void {
    this.#sent.set(sequence, sentAtUs);
    if (this.#sent.size <= SENT_REMEMBERED) return;
    for (const oldest of this.#sent.keys()) {
      this.#sent.delete(oldest);
      return;
    }
  }

  /** Undefined: it is not to be believed, or answers nothing that this run has sent. */
  open(datagram: SidebandDatagram): Heard | undefined {
    if (this.#strict && !this.#isFresh(datagram)) return undefined;
    const { from, incarnation, sequence, body } = datagram;
    const unanswered = (event: MemberEvent): Heard => ({ event, answering: undefined });
    switch (body.kind) {
      case 'heartbeat':
        return {
          event: { type: 'claim', from, claim: body.claim },
          answering: { to: from, incarnation, sequence },
        };
      case 'ack': {
        // L3: an ack of anything that this run has not sent, or long ago, counts for nothing.
        const sentAtUs = body.incarnation === this.#incarnation ? this.#sent.get(body.sequence) : undefined;
        if (sentAtUs === undefined) return undefined;
        if (this.#strict) this.#sent.delete(body.sequence);
        return unanswered({ type: 'verdict', from, sentAtUs, verdict: body.verdict });
      }
      case 'release':
      case 'invite':
        return unanswered({ type: body.kind, from, ballot: body.ballot });
      case 'transfer':
        return unanswered({ type: 'transfer', from, ballot: body.ballot, to: body.to });
      case 'depart':
        return unanswered({ type: 'peer-departs', from, departure: body.departure });
      case 'departed':
        return unanswered({ type: 'departure-noted', from, departure: body.departure });
      case 'join':
        return unanswered({ type: 'join', from, departure: body.departure });
    }
  }

  #isFresh({ from, incarnation, sequence }: SidebandDatagram): boolean {
    let session = this.#heard.get(from);
    if (session === undefined || session.incarnation < incarnation) {
      session = { incarnation, highest: 0, sequences: new Set() };
      this.#heard.set(from, session);
    }
    const isOld = sequence <= session.highest - SEQUENCES_REMEMBERED;
    if (session.incarnation > incarnation || isOld || session.sequences.has(sequence)) return false;
    session.highest = Math.max(session.highest, sequence);
    session.sequences.add(sequence);
    if (session.sequences.size > 2 * SEQUENCES_REMEMBERED) {
      const floor = session.highest - SEQUENCES_REMEMBERED;
      session.sequences = new Set([...session.sequences].filter((heard) => heard > floor));
    }
    return true;
  }
}
