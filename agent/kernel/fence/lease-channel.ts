import { randomInt } from 'node:crypto';
import { encodeLeasePacket, type LeaseAct } from './lease-packet.ts';
import type { Exchange, Fate, LeaseSocket } from './lease-socket.ts';

export type NumberedAct = { readonly nonce: number; readonly act: LeaseAct };

/** Lease packets to one installation of the tables: the socket, the secret, and a nonce for every sentinel. */
export class LeaseChannel {
  readonly #socket: LeaseSocket;
  readonly #secret: Uint8Array;
  // Random, so that a guess at the nonce is worth nothing either; counted, so that none comes twice.
  #nonce = randomInt(2 ** 32);

  constructor(socket: LeaseSocket, secret: Uint8Array) {
    this.#socket = socket;
    this.#secret = secret;
  }

  nextNonce(): number {
    this.#nonce = (this.#nonce + 1) >>> 0;
    return this.#nonce;
  }

  /** One act of the lease, and whether both tables let it take effect within `waitMs`. */
  perform(groupId: number, nonce: number, act: LeaseAct, waitMs: number): Exchange {
    return this.#socket.exchange(encodeLeasePacket(this.#secret, nonce, groupId, act), waitMs);
  }

  /**
   * What has become of an act that should have no effect. Not by its silence alone: the one that is sent `behind` it must have come
   * back within `waitMs`.
   */
  fateOf(groupId: number, asked: NumberedAct, behind: NumberedAct, waitMs: number): Fate {
    const encoded = ({ nonce, act }: NumberedAct) => encodeLeasePacket(this.#secret, nonce, groupId, act);
    return this.#socket.fateOf(encoded(asked), encoded(behind), waitMs);
  }
}
