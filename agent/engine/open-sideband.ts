import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { PeerConfig, Secrets, SidebandKey } from '../config/index.ts';
import type { GuardedLink } from '../guardian/index.ts';
import type { Logger } from '../log/index.ts';
import { Tally } from '../metrics/counters/index.ts';
import { SYSTEM_CLOCK } from './clock.ts';
import type { LeaseGroup } from './lease-group.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import { type Misdirection, receivePassedOn, SidebandInbox } from './sideband-inbox.ts';
import { SidebandLink } from './sideband-link.ts';
import { openSidebandPort, type SidebandPort } from './sideband-port.ts';
import { StartFailure } from './start-failure.ts';

export interface Sideband {
  readonly links: readonly SidebandLink[];
  linksOf(group: LeaseGroup): readonly SidebandLink[];
  /** The links as someone needs them who speaks in this process's place. */
  guarded(): GuardedLink[];
  /** Datagrams that no link took, by reason. */
  misdirected(): ReadonlyMap<Misdirection, number>;
  /** A datagram that the witness passes on from another node. */
  passedOn(from: string, datagram: Uint8Array): void;
  close(): void;
}

/** Groups with the same peer, port and key file share a link, and with it each datagram (L3). */
type Plan = {
  readonly port: number;
  readonly keyFile: string;
  readonly peer: PeerConfig;
  readonly keys: readonly [SidebandKey, ...SidebandKey[]];
  readonly groups: LeaseGroup[];
};

/** Opens the UDP sockets and a link for each peer. Throws StartFailure when a port cannot be had. */
export async function openSideband(options: {
  node: string;
  groups: readonly LeaseGroup[];
  secrets: Secrets;
  incarnation: number;
  log: Logger;
  /** Any peer. */
  onMet: () => void;
  /** Through the witness, if there is one. */
  relay: (to: string, datagram: Uint8Array) => void;
}): Promise<Sideband> {
  const { node, groups, secrets, incarnation, log } = options;
  const plans = planLinks(groups, secrets);
  const nonce = randomBytes(8);
  const complaints = new RateLimitedLog(log);
  const ports = new Map<number, SidebandPort>();
  const inboxes = new Map<number, SidebandInbox>();
  const links: SidebandLink[] = [];
  const linkOf = new Map<Plan, SidebandLink>();
  const passedOnInVain = new Tally<Misdirection>();
  const linksByGroup = new Map<LeaseGroup, SidebandLink[]>();
  const close = (): void => {
    for (const port of ports.values()) port.close();
  };
  for (const plan of plans) {
    const inbox = inboxes.get(plan.port) ?? new SidebandInbox(log, SYSTEM_CLOCK);
    inboxes.set(plan.port, inbox);
    if (!ports.has(plan.port)) {
      const addresses = plans.filter(({ port }) => port === plan.port).flatMap(({ peer }) => peer.addresses);
      const opened = await openSidebandPort({
        port: plan.port,
        families: new Set(addresses.map((address) => (isIPv6(address) ? 'ipv6' : 'ipv4'))),
        onDatagram: (datagram, from) => inbox.receive(datagram, from),
        onError: (text) => complaints.warn('sideband', { port: plan.port }, `sideband: ${text}`),
      });
      if (!opened.ok) {
        close();
        throw new StartFailure(opened.error);
      }
      ports.set(plan.port, opened.port);
    }
    const link = new SidebandLink({
      node,
      peer: plan.peer.node,
      addresses: plan.peer.addresses,
      groups: plan.groups,
      keys: plan.keys,
      nonce,
      incarnation,
      send: (datagram, address) => ports.get(plan.port)?.send(datagram, address),
      relay: (datagram) => options.relay(plan.peer.node, datagram),
      clock: SYSTEM_CLOCK,
      log,
      onMet: options.onMet,
    });
    inbox.add(link);
    links.push(link);
    linkOf.set(plan, link);
    for (const group of plan.groups) linksByGroup.set(group, [...(linksByGroup.get(group) ?? []), link]);
  }
  return {
    links,
    linksOf: (group) => linksByGroup.get(group) ?? [],
    guarded: () =>
      Array.from(linkOf, ([{ peer, port, keys, groups: own }, { met }]) => ({
        peer: peer.node,
        addresses: peer.addresses,
        port,
        keys,
        groups: own.map(({ name }) => name),
        met,
      })),
    misdirected() {
      const all = new Tally<Misdirection>();
      const tallies = [...Array.from(inboxes.values(), (inbox) => inbox.refusals()), passedOnInVain.counts];
      for (const tally of tallies) for (const [reason, count] of tally) all.count(reason, count);
      return all.counts;
    },
    passedOn(from, datagram) {
      const reason = receivePassedOn(links, from, datagram);
      if (reason === undefined) return;
      passedOnInVain.count(reason);
      const text = `refused what the witness passed on from ${from}: ${reason === 'stranger' ? 'no group here has that peer' : reason}`;
      complaints.warn(`passed on ${reason}`, { peer: from, reason }, text);
    },
    close,
  };
}

function planLinks(groups: readonly LeaseGroup[], secrets: Secrets): Plan[] {
  const plans: Plan[] = [];
  for (const group of groups) {
    const { sidebandPort: port, keyFile, peers, name } = group.config;
    const keys = secrets.groupKeys.get(name);
    if (keys === undefined) throw new StartFailure(`group ${name}: no key was read from ${keyFile}`);
    for (const peer of peers) {
      const shared = plans.find(
        (plan) => plan.port === port && plan.keyFile === keyFile && plan.peer.node === peer.node,
      );
      if (shared === undefined) plans.push({ port, keyFile, peer, keys, groups: [group] });
      else shared.groups.push(group);
    }
  }
  return plans;
}
