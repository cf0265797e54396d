import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SidebandMessage } from '@tiebreak/shared/wire';
import { SidebandSession } from '@tiebreak/shared/wire/sideband';
import { hmacSha256 } from '../engine/hmac.ts';
import type { openSidebandPort, SidebandPort } from '../engine/sideband-port.ts';
import type { GuardedLink, Handover } from './handover.ts';
import type { LastVote } from './last-vote.ts';

/** A peer that lives asks within milliseconds of the RELEASE; for one that does not there is no one to wait for. */
const PATIENCE_MS = 150;
/** A vote that was given is asked for again if the answer was lost. */
const LINGER_MS = 30;

/**
 * The signed RELEASE of each vote, and the answer to who asks for it then. The session is a new one, under the incarnation
 * between the engine's and the next one's, so that nothing recorded earlier is believed; the peer's part of it is known
 * already, so that it costs no round trip.
 *
 * Prepared while the fence is still open and the kernel answers for the addresses, so that all this costs the clients
 * nothing. Until `say` nothing leaves, and so nothing that arrives is believed either: nobody knows this session yet (L5).
 */
export class Farewell {
  readonly #ports: readonly SidebandPort[];
  readonly #talks: readonly Talk[];
  readonly #votes: readonly LastVote[];

  private constructor(ports: readonly SidebandPort[], talks: readonly Talk[], votes: readonly LastVote[]) {
    this.#ports = ports;
    this.#talks = talks;
    this.#votes = votes;
  }

  static async prepare(
    handover: Handover,
    votes: readonly LastVote[],
    openPort: typeof openSidebandPort,
    report: (text: string) => void,
  ): Promise<Farewell> {
    const ports = new Map<number, SidebandPort>();
    const talks: Talk[] = [];
    const links = handover.links.filter(
      ({ met, groups }) => met !== undefined && votes.some(({ group }) => groups.includes(group.name)),
    );
    for (const port of new Set(links.map((link) => link.port))) {
      const addresses = links.filter((link) => link.port === port).flatMap((link) => link.addresses);
      const opened = await openPort({
        port,
        families: new Set(addresses.map((address) => (isIPv6(address) ? 'ipv6' : 'ipv4'))),
        onDatagram: (datagram, from) => {
          for (const talk of talks) talk.hear(datagram, from);
        },
        onError: (text) => report(`sideband: ${text}`),
      });
      if (opened.ok) ports.set(port, opened.port);
      else report(opened.error);
    }
    for (const link of links) {
      const port = ports.get(link.port);
      if (port !== undefined) talks.push(new Talk(handover, link, votes, port));
    }
    return new Farewell([...ports.values()], talks, votes);
  }

  /** The fence is confirmed closed. */
  async say(): Promise<void> {
    for (const talk of this.#talks) talk.begin();
    const deadline = performance.now() + PATIENCE_MS;
    const isOver = (): boolean => this.#votes.every(({ givenTo }) => givenTo !== undefined);
    while (this.#talks.length > 0 && performance.now() < deadline && !isOver()) await sleep(5);
    if (this.#votes.some(({ givenTo }) => givenTo !== undefined)) await sleep(LINGER_MS);
  }

  close(): void {
    for (const port of this.#ports) port.close();
  }
}

/** What there is to say on one link. */
class Talk {
  readonly #link: GuardedLink;
  readonly #votes: readonly LastVote[];
  readonly #port: SidebandPort;
  readonly #session: SidebandSession;
  readonly #releases: readonly Uint8Array[];

  constructor({ node, incarnation }: Handover, link: GuardedLink, votes: readonly LastVote[], port: SidebandPort) {
    const { peer, keys, met, groups } = link;
    this.#link = link;
    this.#port = port;
    this.#votes = votes.filter(({ group }) => groups.includes(group.name));
    const nonce = randomBytes(8);
    this.#session = new SidebandSession({
      node,
      peer,
      keys,
      nonce,
      incarnation: incarnation + 1,
      hmac: hmacSha256,
      met,
    });
    this.#releases = this.#votes.map(({ group, released }) =>
      this.#seal({ kind: 'release', group: group.name, ballot: released }),
    );
  }

  begin(): void {
    for (const release of this.#releases) this.#send(release);
  }

  hear(datagram: Uint8Array, fromAddress: string): void {
    const { peer, addresses } = this.#link;
    if (!addresses.includes(fromAddress)) return;
    const opened = this.#session.open(datagram);
    if (!opened.ok || opened.message.kind !== 'heartbeat') return;
    const { claims } = opened.message;
    const verdicts = this.#votes.flatMap((vote) => {
      const claim = claims.find(({ group }) => group === vote.group.name);
      return (claim && vote.judge(peer, claim)) ?? [];
    });
    if (verdicts.length > 0) this.#send(this.#seal({ kind: 'ack', sequence: opened.sequence, verdicts }));
  }

  #seal(message: SidebandMessage): Uint8Array {
    return this.#session.seal(message).datagram;
  }

  #send(datagram: Uint8Array): void {
    for (const address of this.#link.addresses) this.#port.send(datagram, address);
  }
}
