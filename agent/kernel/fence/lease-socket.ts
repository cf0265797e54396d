import { boottimeUs } from '../clock.ts';
import * as libc from '../libc.ts';
import { isSameBytes } from '../same-bytes.ts';
import { AF_INET, MSG_DONTWAIT, POLLIN, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, sockaddrIn } from '../sockaddr.ts';
import { CONFIRMED_PORT, LEASE_PACKET_BYTES_MAX, LEASE_PORT } from './lease-packet.ts';

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const LEASE_ADDRESS = sockaddrIn(LOOPBACK, LEASE_PORT);
const CONFIRMED_ADDRESS = sockaddrIn(LOOPBACK, CONFIRMED_PORT);

/** Whether a lease packet came back, and if not, what is known about why. */
export type Exchange = { readonly returned: true } | { readonly returned: false; readonly text: string };

/** `unknown`: nothing came back at all. */
export type Fate = 'taken' | 'refused' | 'unknown';

const RETURNED: Exchange = { returned: true };

/**
 * The socket of the lease packets. Synchronous on purpose: nothing else of the agent may run between the confirmation
 * of an ARM, the reading of the clock and the REFRESH. Normally loopback has delivered before sendto(2) returns.
 */
export class LeaseSocket {
  readonly #fd: number;
  // One byte more than a packet, so that a longer datagram does not pass for one.
  readonly #received = new Uint8Array(LEASE_PACKET_BYTES_MAX + 1);

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Binds 127.0.0.1:3115. Fails if another agent in this network namespace, or any other program, holds it. */
  static open(): { ok: true; socket: LeaseSocket } | { ok: false; text: string } {
    const created = libc.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (!created.ok) return { ok: false, text: created.text };
    const bound = libc.bind(created.value, CONFIRMED_ADDRESS);
    if (bound.ok) return { ok: true, socket: new LeaseSocket(created.value) };
    libc.close(created.value);
    const holder =
      'Another tiebreak agent or another program in this network namespace holds it; `ss -ulpn` tells which.';
    return { ok: false, text: `127.0.0.1:${CONFIRMED_PORT}/udp: ${bound.text}. ${holder}` };
  }

  /** Sends one lease packet and waits up to `waitMs` until that very datagram has come back through both tables. */
  exchange(packet: Uint8Array, waitMs: number): Exchange {
    const sent = libc.sendTo(this.#fd, packet, LEASE_ADDRESS);
    return sent.ok ? this.#awaitReturn(packet, waitMs, () => undefined) : { returned: false, text: sent.text };
  }

  /** Sends `behind` after `packet`. Loopback keeps the order of what one processor sends: the first was refused if the second alone is back. */
  fateOf(packet: Uint8Array, behind: Uint8Array, waitMs: number): Fate {
    let isBack = false;
    const sent = libc.sendTo(this.#fd, packet, LEASE_ADDRESS);
    if (!sent.ok || !libc.sendTo(this.#fd, behind, LEASE_ADDRESS).ok) return 'unknown';
    const passed = this.#awaitReturn(behind, waitMs, (earlier) => {
      isBack ||= isSameBytes(earlier, packet);
    });
    if (isBack) return 'taken';
    return passed.returned ? 'refused' : 'unknown';
  }

  close(): void {
    libc.close(this.#fd);
  }

  #awaitReturn(packet: Uint8Array, waitMs: number, onOther: (datagram: Uint8Array) => void): Exchange {
    const deadlineUs = boottimeUs() + waitMs * 1000;
    for (;;) {
      if (this.#drainUntil(packet, onOther)) return RETURNED;
      const remainingMs = Math.ceil((deadlineUs - boottimeUs()) / 1000);
      if (remainingMs <= 0) return { returned: false, text: `nothing came back within ${waitMs} ms` };
      const polled = libc.poll(this.#fd, POLLIN, remainingMs);
      if (!polled.ok && polled.code !== 'EINTR') return { returned: false, text: polled.text };
    }
  }

  // Late answers to earlier packets are nothing to an exchange: each carries another nonce or code, and its act was given up.
  #drainUntil(packet: Uint8Array, onOther: (datagram: Uint8Array) => void): boolean {
    for (;;) {
      const got = libc.recv(this.#fd, this.#received, MSG_DONTWAIT);
      if (!got.ok) return false;
      const datagram = this.#received.subarray(0, got.value);
      if (isSameBytes(datagram, packet)) return true;
      onOther(datagram);
    }
  }
}
