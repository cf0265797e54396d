import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { LeaseGroupConfig, Secrets } from '../config/index.ts';
import type { GuardedLink } from '../guardian/index.ts';
import type { Logger } from '../log/index.ts';
import { Tally } from '../metrics/counters/index.ts';
import { SYSTEM_CLOCK } from './clock.ts';
import type { LeaseGroup } from './lease-group.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import { type Misdirection, receivePassedOn, SidebandInbox } from './sideband-inbox.ts';
import { SidebandLink } from './sideband-link.ts';
import { type LinkPlan, matchLinks, planLinks, socketName, socketsOf } from './sideband-plan.ts';
import { openSidebandPort, type SidebandPort } from './sideband-port.ts';
import { StartFailure } from './start-failure.ts';

type Plan = LinkPlan<LeaseGroup>;

export type SidebandOptions = {
  readonly node: string;
  readonly incarnation: number;
  readonly log: Logger;
  /** Any peer. */
  readonly onMet: () => void;
  /** Through the witness, if there is one. */
  readonly relay: (to: string, datagram: Uint8Array) => void;
};

/** A change of the links that can no longer fail. */
export type PreparedLinks = {
  /** Goes on with the links that `groups` need as they are configured by then. */
  readonly apply: (groups: readonly LeaseGroup[]) => void;
  /** Closes what was opened for it. */
  readonly abandon: () => void;
};

/** The UDP sockets, and a link for each peer. */
export class Sideband {
  readonly #options: SidebandOptions;
  readonly #nonce = randomBytes(8);
  readonly #complaints: RateLimitedLog;
  readonly #sockets = new Map<string, SidebandPort>();
  readonly #inboxes = new Map<number, SidebandInbox>();
  readonly #passedOnInVain = new Tally<Misdirection>();
  #links: ReadonlyMap<Plan, SidebandLink> = new Map();
  /** Those that no group uses now. One may again. */
  #retired: ReadonlyMap<Plan, SidebandLink> = new Map();
  #started = false;

  constructor(options: SidebandOptions) {
    this.#options = options;
    this.#complaints = new RateLimitedLog(options.log);
  }

  get links(): readonly SidebandLink[] {
    return [...this.#links.values()];
  }

  linksOf(group: LeaseGroup): readonly SidebandLink[] {
    return Array.from(this.#links).flatMap(([{ groups }, link]) => (groups.includes(group) ? [link] : []));
  }

  /** Opens what these groups need. Throws StartFailure when a port cannot be had; nothing has changed then. */
  async prepare(
    groups: readonly { readonly config: LeaseGroupConfig }[],
    secrets: Pick<Secrets, 'groupKeys'>,
  ): Promise<PreparedLinks> {
    const opened = new Map<string, SidebandPort>();
    const abandon = (): void => {
      for (const socket of opened.values()) socket.close();
    };
    for (const { port, family } of socketsOf(planLinks(groups, secrets))) {
      const name = socketName(port, family);
      if (this.#sockets.has(name)) continue;
      const socket = await openSidebandPort({
        port,
        families: new Set([family]),
        onDatagram: (datagram, from) => this.#inboxes.get(port)?.receive(datagram, from),
        onError: (text) => this.#complaints.warn('sideband', { port }, `sideband: ${text}`),
      });
      if (!socket.ok) {
        abandon();
        throw new StartFailure(socket.error);
      }
      opened.set(name, socket.port);
    }
    return { abandon, apply: (own) => this.#use(planLinks(own, secrets), opened) };
  }

  start(): void {
    this.#started = true;
    for (const link of this.links) link.start();
  }

  /** The links as someone needs them who speaks in this process's place. */
  guarded(): GuardedLink[] {
    return Array.from(this.#links, ([{ peer, port, keys, groups }, { met }]) => ({
      peer: peer.node,
      addresses: peer.addresses,
      port,
      keys,
      groups: groups.map(({ name }) => name),
      met,
    }));
  }

  /** Datagrams that no link took, by reason. */
  misdirected(): ReadonlyMap<Misdirection, number> {
    const all = new Tally<Misdirection>();
    const tallies = Array.from(this.#inboxes.values(), (inbox) => inbox.refusals());
    for (const tally of [...tallies, this.#passedOnInVain.counts]) {
      for (const [reason, count] of tally) all.count(reason, count);
    }
    return all.counts;
  }

  /** A datagram that the witness passes on from another node. */
  passedOn(from: string, datagram: Uint8Array): void {
    const reason = receivePassedOn(this.links, from, datagram);
    if (reason === undefined) return;
    this.#passedOnInVain.count(reason);
    const text = `refused what the witness passed on from ${from}: ${reason === 'stranger' ? 'no group here has that peer' : reason}`;
    this.#complaints.warn(`passed on ${reason}`, { peer: from, reason }, text);
  }

  close(): void {
    for (const link of this.links) link.stop();
    for (const socket of this.#sockets.values()) socket.close();
  }

  #use(plans: readonly Plan[], opened: ReadonlyMap<string, SidebandPort>): void {
    for (const [name, socket] of opened) this.#sockets.set(name, socket);
    const before = new Map([...this.#links, ...this.#retired]);
    const goOn = matchLinks(plans, before);
    const kept = new Set(goOn.values());
    this.#retired = new Map([...before].filter(([, link]) => !kept.has(link)));
    for (const link of this.#retired.values()) link.stop();
    this.#links = new Map(plans.map((plan) => [plan, this.#linkOf(plan, goOn.get(plan))]));
    for (const port of new Set([...this.#inboxes.keys(), ...plans.map((plan) => plan.port)])) {
      const inbox = this.#inboxes.get(port) ?? new SidebandInbox(this.#options.log, SYSTEM_CLOCK);
      this.#inboxes.set(port, inbox);
      inbox.use(Array.from(this.#links).flatMap(([plan, link]) => (plan.port === port ? [link] : [])));
    }
    const needed = new Set(socketsOf(plans).map(({ port, family }) => socketName(port, family)));
    for (const [name, socket] of this.#sockets) {
      if (needed.has(name)) continue;
      socket.close();
      this.#sockets.delete(name);
    }
  }

  #linkOf(plan: Plan, former: SidebandLink | undefined): SidebandLink {
    const { port, peer, keys, groups } = plan;
    const { addresses, node: to } = peer;
    if (former !== undefined) {
      former.change({ addresses, groups, keys });
      if (this.#started) former.start();
      return former;
    }
    const { node, incarnation, log, onMet, relay } = this.#options;
    const send = (datagram: Uint8Array, address: string): void =>
      this.#sockets.get(socketName(port, isIPv6(address) ? 'ipv6' : 'ipv4'))?.send(datagram, address);
    const link = new SidebandLink({
      node,
      peer: to,
      addresses,
      groups,
      keys,
      nonce: this.#nonce,
      incarnation,
      send,
      relay: (datagram) => relay(to, datagram),
      clock: SYSTEM_CLOCK,
      log,
      onMet,
    });
    if (this.#started) link.start();
    return link;
  }
}
