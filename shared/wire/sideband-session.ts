import {
  type DecodeSidebandFailure,
  decodeSideband,
  encodeSideband,
  MAC_BYTES,
  NONCE_BYTES,
  peekKeyId,
  type SidebandMessage,
} from './sideband.ts';

/** HMAC-SHA256, 32 bytes; the caller brings it, so that this package needs no platform's cryptography. */
export type HmacSha256 = (key: Uint8Array, data: Uint8Array) => Uint8Array;

export type SessionKey = { readonly id: number; readonly key: Uint8Array };

export type SessionOptions = {
  readonly node: string;
  readonly peer: string;
  /** the first signs, all verify */
  readonly keys: readonly [SessionKey, ...SessionKey[]];
  readonly hmac: HmacSha256;
  /** 8 random bytes, new with each start */
  readonly nonce: Uint8Array;
  /** greater than that of every earlier start of this node */
  readonly incarnation: number;
  /** Someone else of this node has met the peer: what is said here is believed there without an introduction. */
  readonly met?: MetPeer | undefined;
};

/** The peer's run that has shown itself to be alive. */
export type MetPeer = { readonly nonce: Uint8Array; readonly incarnation: number };

export type OpenFailure =
  | DecodeSidebandFailure
  | 'unknown_key'
  | 'wrong_mac'
  | 'foreign' // from or to someone else
  | 'no_session' // authentic, but perhaps a replay: it does not echo this run's nonce
  | 'old_incarnation'
  | 'duplicate'; // seen before: a second path, or a replay

export type Opened =
  | { readonly ok: true; readonly message: SidebandMessage; readonly sequence: number; readonly incarnation: number }
  /** `introduce`: the nonce to echo in a hello, when the sender has yet to learn ours */
  | { readonly ok: false; readonly reason: OpenFailure; readonly introduce?: Uint8Array };

const WINDOW = 256;
const UNKNOWN_NONCE = new Uint8Array(NONCE_BYTES);

/**
 * One side of the authenticated link between two agents: signs and numbers what goes out; refuses what is forged, foreign,
 * from an earlier run of either side, or seen before. Knows no time and no socket.
 *
 * Neither side believes anything that does not echo its own nonce of this run, so that nothing recorded earlier can be
 * played back after a restart. Whoever hears an authentic datagram without the echo introduces itself with a hello.
 */
export class SidebandSession {
  readonly #options: SessionOptions;
  #keys: SessionOptions['keys'];
  #peerNonce: Uint8Array = UNKNOWN_NONCE;
  #peerIncarnation = 0;
  #sequence = 0;
  #highest = 0;
  readonly #seen = new Float64Array(WINDOW);

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#keys = options.keys;
    if (options.met === undefined) return;
    this.#peerNonce = options.met.nonce;
    this.#peerIncarnation = options.met.incarnation;
  }

  get peer(): MetPeer | undefined {
    return this.met ? { nonce: this.#peerNonce, incarnation: this.#peerIncarnation } : undefined;
  }

  /** The peer has shown that it is there now, not only in a recording. */
  get met(): boolean {
    return this.#peerNonce !== UNKNOWN_NONCE;
  }

  /** Other keys for the same session: nothing has to be introduced anew. */
  rekey(keys: SessionOptions['keys']): void {
    this.#keys = keys;
  }

  /** A signed datagram, and its number. `echo`: for a hello to someone who has not been met yet. */
  seal(message: SidebandMessage, echo: Uint8Array = this.#peerNonce): { datagram: Uint8Array; sequence: number } {
    const { node, peer, nonce, incarnation, hmac } = this.#options;
    const keys = this.#keys;
    this.#sequence += 1;
    const sequence = this.#sequence;
    const header = { keyId: keys[0].id, session: nonce, echo, incarnation, sequence, from: node, to: peer };
    const signed = encodeSideband(header, message);
    const datagram = new Uint8Array(signed.length + MAC_BYTES);
    datagram.set(signed);
    datagram.set(hmac(keys[0].key, signed), signed.length);
    return { datagram, sequence };
  }

  /** Never throws, whatever the bytes. */
  open(datagram: Uint8Array): Opened {
    const { node, peer, hmac, nonce } = this.#options;
    const keyId = peekKeyId(datagram);
    if (keyId === undefined) return { ok: false, reason: 'not_sideband' };
    const key = this.#keys.find((candidate) => candidate.id === keyId);
    if (key === undefined) return { ok: false, reason: 'unknown_key' };
    const signed = datagram.subarray(0, datagram.length - MAC_BYTES);
    const mac = datagram.subarray(datagram.length - MAC_BYTES);
    if (!equalInConstantTime(hmac(key.key, signed), mac)) return { ok: false, reason: 'wrong_mac' };
    const decoded = decodeSideband(signed);
    if (!decoded.ok) return decoded;
    const { header, message } = decoded;
    if (header.from !== peer || header.to !== node) return { ok: false, reason: 'foreign' };
    const otherRun = !equalInConstantTime(header.session, this.#peerNonce);
    // One incarnation has one nonce: another one at the same incarnation is a recording of someone's earlier run. Nobody
    // is introduced to that, or recordings would use up the few introductions that a restarted peer needs.
    if (otherRun && header.incarnation <= this.#peerIncarnation) return { ok: false, reason: 'old_incarnation' };
    if (!equalInConstantTime(header.echo, nonce)) {
      return { ok: false, reason: 'no_session', introduce: header.session.slice() };
    }
    if (otherRun) {
      this.#peerNonce = header.session.slice();
      this.#peerIncarnation = header.incarnation;
      this.#highest = 0;
      this.#seen.fill(0);
    }
    if (!this.#note(header.sequence)) return { ok: false, reason: 'duplicate' };
    return { ok: true, message, sequence: header.sequence, incarnation: header.incarnation };
  }

  #note(sequence: number): boolean {
    if (sequence === 0 || sequence + WINDOW <= this.#highest) return false;
    if (this.#seen[sequence % WINDOW] === sequence) return false;
    this.#seen[sequence % WINDOW] = sequence;
    this.#highest = Math.max(this.#highest, sequence);
    return true;
  }
}

/** Takes the same time wherever two byte strings of one length differ. */
function equalInConstantTime(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let index = 0; index < left.length; index += 1) difference |= (left[index] ?? 0) ^ (right[index] ?? 0);
  return difference === 0;
}
