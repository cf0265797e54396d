/**
 * A program for a namespace: does what it is told, one JSON command per line on stdin, one JSON answer per line on
 * stdout. It stands for the agent, and can be stopped, killed and left behind like one.
 */
import { createInterface } from 'node:readline';
import { boottimeUs, kernelTickUs } from '../../../agent/kernel/clock.ts';
import type { RulesetConfig } from '../../../agent/kernel/fence/config.ts';
import { type FenceOptions, type HoldingFence, installFence } from '../../../agent/kernel/fence/index.ts';
import { encodeLeasePacket, type LeaseAct } from '../../../agent/kernel/fence/lease-packet.ts';
import { LeaseSocket } from '../../../agent/kernel/fence/lease-socket.ts';
import { type Nftables, openNftables } from '../../../agent/kernel/fence/nftables.ts';
import { fenceRuleset } from '../../../agent/kernel/fence/ruleset.ts';
import * as libc from '../../../agent/kernel/libc.ts';
import {
  AF_INET,
  AF_INET6,
  AF_PACKET,
  SOCK_DGRAM,
  SOCK_RAW,
  sockaddrIn,
  sockaddrLinkLayer,
} from '../../../agent/kernel/sockaddr.ts';
import { parseAddress } from '../../../shared/vrrp/index.ts';

export type Command =
  | { do: 'install'; options: FenceOptions }
  | { do: 'open' | 'refresh'; group: number; leaseMs: number }
  | { do: 'refreshHeld'; groups: number[]; withinMs: number }
  /** Returns whom the kernel has confirmed. */
  | { do: 'refreshTogether'; groups: number[]; leaseMs: number }
  | { do: 'close'; group: number }
  | { do: 'isIntact' | 'recreate' | 'remove' | 'now' }
  | { do: 'addInterface'; name: string }
  | { do: 'change'; options: FenceOptions }
  | { do: 'timeRefreshes'; group: number; count: number; leaseMs: number }
  | { do: 'timeCloses'; group: number; count: number; leaseMs: number }
  /** Instead of `install`: the ruleset and the socket alone, with a secret that the test knows. */
  | { do: 'installParts'; options: FenceOptions; secret: string }
  | { do: 'openSocket' }
  | { do: 'perform'; secret: string; nonce: number; group: number; act: LeaseAct; waitMs: number }
  | { do: 'exchange'; hex: string; waitMs: number }
  | { do: 'sleep'; ms: number }
  | { do: 'sendFrame'; interface: string; etherType: number; hex: string }
  | { do: 'sendVrrp'; to: number[]; hex: string }
  | { do: 'sendVrrp6'; to: string; hex: string };

let fence: HoldingFence | undefined;
let socket: LeaseSocket | undefined;

function theFence(): HoldingFence {
  if (fence === undefined) throw new Error('install first');
  return fence;
}

function theSocket(): LeaseSocket {
  if (socket === undefined) throw new Error('installParts first');
  return socket;
}

function perform(command: Command): unknown {
  switch (command.do) {
    case 'install': {
      const installed = installFence(command.options);
      if (!installed.ok) return installed;
      fence = installed.fence;
      return { ok: true, level: fence.level };
    }
    case 'open':
      return theFence().open(command.group, boottimeUs() + command.leaseMs * 1000);
    case 'refresh':
      return theFence().refresh(command.group, boottimeUs() + command.leaseMs * 1000);
    case 'refreshHeld':
      return theFence().refreshHeld(command.groups, boottimeUs() + command.withinMs * 1000);
    case 'refreshTogether': {
      const leaseEndUs = boottimeUs() + command.leaseMs * 1000;
      return [
        ...theFence()
          .refreshTogether(new Map(command.groups.map((id) => [id, leaseEndUs])))
          .keys(),
      ];
    }
    case 'close':
      return theFence().close(command.group);
    case 'isIntact':
      return theFence().isIntact();
    case 'recreate':
      return theFence().recreate();
    case 'remove':
      return theFence().remove();
    case 'addInterface':
      return theFence().addInterface(command.name);
    case 'change':
      return theFence().change(command.options);
    case 'now':
      return { boottimeUs: boottimeUs(), wallUs: (performance.timeOrigin + performance.now()) * 1000 };
    case 'timeRefreshes':
      return timed(command.count, () => theFence().refresh(command.group, boottimeUs() + command.leaseMs * 1000));
    case 'timeCloses':
      return timed(
        command.count,
        () => theFence().close(command.group),
        () => theFence().open(command.group, boottimeUs() + command.leaseMs * 1000),
      );
    case 'installParts':
      return installParts(command.options, Buffer.from(command.secret, 'hex'));
    case 'openSocket':
      return openSocket();
    case 'perform': {
      const secret = Buffer.from(command.secret, 'hex');
      const packet = encodeLeasePacket(secret, command.nonce, command.group, command.act);
      return theSocket().exchange(packet, command.waitMs);
    }
    case 'exchange':
      return theSocket().exchange(Buffer.from(command.hex, 'hex'), command.waitMs);
    case 'sleep':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, command.ms);
      return {};
    case 'sendFrame':
      return sendFrame(command.interface, command.etherType, Buffer.from(command.hex, 'hex'));
    case 'sendVrrp':
      return sendVrrp(AF_INET, sockaddrIn(Uint8Array.from(command.to), 0), Buffer.from(command.hex, 'hex'));
    case 'sendVrrp6':
      return sendVrrp(AF_INET6, sockaddrIn6(command.to), Buffer.from(command.hex, 'hex'));
  }
}

function timed(count: number, act: () => { confirmed: boolean }, before: () => unknown = () => undefined) {
  const tookUs: number[] = [];
  let refused = 0;
  let firstRefusal: unknown;
  for (let round = 0; round < count; round += 1) {
    before();
    const startUs = boottimeUs();
    const answer = act();
    tookUs.push(boottimeUs() - startUs);
    if (!answer.confirmed) {
      firstRefusal ??= { round, answer };
      refused += 1;
    }
  }
  tookUs.sort((left, right) => left - right);
  return { refused, firstRefusal, medianUs: tookUs[Math.floor(count / 2)], p99Us: tookUs[Math.floor(count * 0.99)] };
}

function openSocket(): { ok: true } | { ok: false; text: string } {
  const opened = LeaseSocket.open();
  if (!opened.ok) return opened;
  socket = opened.socket;
  return { ok: true };
}

function installParts(options: FenceOptions, secret: Uint8Array): unknown {
  const opened = openSocket();
  if (!opened.ok) return opened;
  const nft = openNftables();
  if (!nft.ok) return nft;
  const config: RulesetConfig = { ...options, secret, kernelTickUs: kernelTickUs(), userId: 0, egress: true };
  return installText(nft.nftables, fenceRuleset(config));
}

function installText(nftables: Nftables, text: string) {
  const result = nftables.run(text);
  nftables.free();
  return result;
}

function sendFrame(interfaceName: string, etherType: number, payload: Uint8Array): unknown {
  const index = libc.interfaceIndex(interfaceName);
  if (!index.ok) return index;
  const fd = libc.socket(AF_PACKET, SOCK_DGRAM, 0);
  if (!fd.ok) return fd;
  const broadcast = Uint8Array.of(255, 255, 255, 255, 255, 255);
  const sent = libc.sendTo(fd.value, payload, sockaddrLinkLayer(etherType, index.value, broadcast));
  libc.close(fd.value);
  return sent;
}

function sendVrrp(family: number, to: Uint8Array, payload: Uint8Array): unknown {
  const fd = libc.socket(family, SOCK_RAW, 112);
  if (!fd.ok) return fd;
  const sent = libc.sendTo(fd.value, payload, to);
  libc.close(fd.value);
  return sent;
}

/** struct sockaddr_in6: family, port, flow, address, scope. */
function sockaddrIn6(address: string): Uint8Array {
  const sockaddr = new Uint8Array(28);
  sockaddr[0] = AF_INET6;
  sockaddr.set(parseAddress(address) ?? [], 8);
  return sockaddr;
}

function isCommand(value: unknown): value is Command {
  return typeof value === 'object' && value !== null && 'do' in value;
}

for await (const line of createInterface({ input: process.stdin })) {
  const command: unknown = JSON.parse(line);
  if (!isCommand(command)) throw new Error(`not a command: ${line}`);
  process.stdout.write(`${JSON.stringify(perform(command))}\n`);
}
