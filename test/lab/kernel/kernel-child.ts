import { createInterface } from 'node:readline';
import { formatAddress, parseAddress } from '@tiebreak/shared/vrrp';
import type { Announcer, ReceivedMessage, Rtnetlink, VrrpSocket } from '../../../agent/kernel/index.ts';
import { interfaceIndex, openAnnouncer, openRtnetlink, openVrrpSocket } from '../../../agent/kernel/index.ts';

/**
 * Performs commands against `agent/kernel` in the namespace that it was started in: one JSON object a line on standard
 * input, one JSON result a line on standard output. Addresses are text, messages are hex.
 */
type Family = 'ipv4' | 'ipv6';
type Command =
  | { op: 'links' | 'addresses' | 'ourRoutes' | 'becomeNobody' | 'received' | 'closeVrrp' }
  | {
      op: 'addAddress' | 'removeAddress';
      family: Family;
      address: string;
      prefixLength: number;
      label?: string;
      interfaceIndex?: number;
    }
  | { op: 'timeAddresses'; family: Family; address: string; prefixLength: number; rounds: number }
  | { op: 'addRoute' | 'removeRoute'; family: Family; to: string; prefixLength: number; via: string }
  | { op: 'addMacvlan'; name: string; mac: string }
  | { op: 'removeLink'; interface: string }
  | { op: 'openAnnouncer' }
  | { op: 'gratuitousArp'; address: string }
  | { op: 'neighbourAdvertisement'; address: string; router: boolean }
  | {
      op: 'openVrrp';
      family: Family;
      source: string;
      virtualRouterId?: number;
      peers?: string[];
      interface?: string;
      interfaceIndex?: number;
    }
  | { op: 'sendVrrp'; message: string; close?: boolean }
  | { op: 'standStill'; ms: number }
  | { op: 'timeVrrp'; message: string; rounds: number };

const rtnetlink: Rtnetlink = unwrap(openRtnetlink());
let announcer: Announcer | undefined;
let vrrp: VrrpSocket | undefined;
/** As they were handed over: what is kept of one must not change with the next. */
const received: ReceivedMessage[] = [];
const errors: string[] = [];

function unwrap<T>(result: { ok: true; value: T } | { ok: false; text: string }): T {
  if (!result.ok) throw new Error(result.text);
  return result.value;
}

function bytes(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address;
}

function eth0(): number {
  return unwrap(interfaceIndex('eth0'));
}

function wallClockUs(): number {
  return (performance.timeOrigin + performance.now()) * 1000;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function inText({ message, source, destination, hopLimit }: ReceivedMessage) {
  return {
    message: Buffer.from(message).toString('hex'),
    source: formatAddress(source),
    destination: formatAddress(destination),
    hopLimit,
  };
}

function opened(): VrrpSocket {
  if (vrrp === undefined) throw new Error('no VRRP socket is open');
  return vrrp;
}

function sendToAll(message: string): void {
  for (const destination of opened().destinations)
    opened().send(opened().packet(Buffer.from(message, 'hex'), destination));
}

async function perform(command: Command): Promise<unknown> {
  switch (command.op) {
    case 'links': {
      const links = rtnetlink.links();
      return links.ok ? links.value.map((link) => ({ ...link, mac: Buffer.from(link.mac).toString('hex') })) : links;
    }
    case 'addresses': {
      const addresses = rtnetlink.addresses(eth0());
      return addresses.ok ? addresses.value.map((row) => ({ ...row, address: formatAddress(row.address) })) : addresses;
    }
    case 'addAddress':
    case 'removeAddress': {
      const { op, ...row } = command;
      return rtnetlink[op]({ interfaceIndex: row.interfaceIndex ?? eth0(), ...row, address: bytes(row.address) });
    }
    case 'timeAddresses': {
      const address = { ...command, interfaceIndex: eth0(), address: bytes(command.address) };
      const started = performance.now();
      for (let round = 0; round < command.rounds; round += 1) {
        unwrap(rtnetlink.addAddress(address));
        unwrap(rtnetlink.removeAddress(address));
      }
      return ((performance.now() - started) * 1000) / command.rounds / 2;
    }
    case 'addRoute':
    case 'removeRoute': {
      const { op, ...route } = command;
      return rtnetlink[op]({ ...route, to: bytes(route.to), via: bytes(route.via), interfaceIndex: eth0() });
    }
    case 'ourRoutes': {
      const routes = rtnetlink.ourRoutes();
      if (!routes.ok) return routes;
      return routes.value.map((route) => ({
        ...route,
        to: formatAddress(route.to),
        via: formatAddress(route.via ?? route.to),
      }));
    }
    case 'addMacvlan':
      return rtnetlink.addMacvlan({ name: command.name, parentIndex: eth0(), mac: Buffer.from(command.mac, 'hex') });
    case 'removeLink':
      return rtnetlink.removeLink(unwrap(interfaceIndex(command.interface)));
    case 'openAnnouncer': {
      const link = unwrap(rtnetlink.links()).find(({ name }) => name === 'eth0');
      const result = openAnnouncer({ interfaceIndex: link?.index ?? 0, mac: link?.mac ?? new Uint8Array(0) });
      if (result.ok) announcer = result.value;
      return result;
    }
    case 'gratuitousArp':
      return announcer?.gratuitousArp(bytes(command.address));
    case 'neighbourAdvertisement':
      return announcer?.unsolicitedNeighbourAdvertisement(bytes(command.address), command.router);
    case 'openVrrp': {
      const result = openVrrpSocket({
        interface: command.interface ?? 'eth0',
        interfaceIndex: command.interfaceIndex ?? eth0(),
        family: command.family,
        virtualRouterId: command.virtualRouterId ?? 33,
        intervalUs: 1_000_000,
        source: bytes(command.source),
        mode:
          command.peers === undefined ? { kind: 'multicast' } : { kind: 'unicast', peers: command.peers.map(bytes) },
        onMessage: (message) => received.push(message),
        onError: (error) => errors.push(error.text),
      });
      if (result.ok) vrrp = result.value;
      return result.ok ? { ok: true } : result;
    }
    case 'sendVrrp':
      sendToAll(command.message);
      if (command.close === true) opened().close();
      return { ok: true };
    case 'timeVrrp': {
      const sentAtUs: number[] = [];
      for (let round = 0; round < command.rounds; round += 1) {
        sentAtUs.push(wallClockUs());
        sendToAll(command.message);
        await sleep(5);
      }
      return sentAtUs;
    }
    case 'standStill': {
      const untilMs = performance.now() + command.ms;
      while (performance.now() < untilMs);
      // Past one poll phase, where a deadline would ring.
      await new Promise((resolve) => setTimeout(() => setImmediate(resolve)));
      return received.length;
    }
    case 'received':
      return { received: received.splice(0).map(inText), errors: errors.splice(0), counters: opened().counters() };
    case 'closeVrrp':
      opened().close();
      return { ok: true };
    case 'becomeNobody':
      process.setgroups?.([]);
      process.setgid?.(65534);
      process.setuid?.(65534);
      return { ok: true };
  }
}

for await (const line of createInterface(process.stdin)) {
  const command: Command = JSON.parse(line);
  process.stdout.write(`${JSON.stringify((await perform(command)) ?? null)}\n`);
}
process.exit(0);
