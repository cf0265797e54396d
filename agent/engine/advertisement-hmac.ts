import {
  type AntiReplay,
  ageS,
  isNew,
  isTrailerOf,
  makeTrailer,
  nextSequence,
  readTrailer,
  withTrailer,
} from '@tiebreak/shared/vrrp';
import type { AddressFamily, AuthHmacConfig, HmacKey } from '../config/index.ts';
import { hmacSha256 } from './hmac.ts';

/** Of so many sources the last number is kept. Only what is proven takes a place. */
const SOURCES_MAX = 64;

/** One virtual router's `auth_hmac`: signs what it sends, and judges what it hears. */
export class AdvertisementHmac {
  readonly #family: AddressFamily;
  #source: Uint8Array;
  #mode: AuthHmacConfig['mode'];
  #antiReplay: AntiReplay;
  #keys: readonly [HmacKey, ...HmacKey[]];
  readonly #wallClockUs: () => number;
  readonly #heard = new Map<string, bigint>();
  #sent: bigint | undefined;

  constructor(options: {
    readonly family: AddressFamily;
    /** Of our own advertisements. */
    readonly source: Uint8Array;
    readonly config: AuthHmacConfig;
    /** The first signs, all verify. */
    readonly keys: readonly [HmacKey, ...HmacKey[]];
    readonly wallClockUs?: () => number;
  }) {
    this.#family = options.family;
    this.#source = options.source;
    this.#mode = options.config.mode;
    this.#antiReplay = options.config.antiReplay;
    this.#keys = options.keys;
    this.#wallClockUs = options.wallClockUs ?? (() => Date.now() * 1_000);
  }

  /** Goes on with another source, other keys or rules; what has been heard is not forgotten. */
  change(to: {
    readonly source: Uint8Array;
    readonly config: AuthHmacConfig;
    readonly keys: readonly [HmacKey, ...HmacKey[]];
  }): void {
    this.#source = to.source;
    this.#mode = to.config.mode;
    this.#antiReplay = to.config.antiReplay;
    this.#keys = to.keys;
  }

  /** One advertisement for all its destinations, as it is to travel. */
  signed<T extends { readonly destination: Uint8Array; readonly message: Uint8Array }>(
    packets: readonly T[],
  ): readonly { readonly destination: Uint8Array; readonly message: Uint8Array }[] {
    const [first] = packets;
    if (this.#mode === 'receive-only' || first === undefined) return packets;
    const [{ id, key }] = this.#keys;
    this.#sent = nextSequence(this.#sent, this.#wallClockUs(), this.#antiReplay);
    const from = { family: this.#family, source: this.#source };
    const trailer = makeTrailer({ keyId: id, sequence: this.#sent }, first.message, from, key, hmacSha256);
    return packets.map(({ destination, message }) => ({
      destination,
      message: withTrailer(message, trailer, { ...from, destination }),
    }));
  }

  /** Why that advertisement is not believed; undefined: it is. */
  problem(message: Uint8Array, bytes: Uint8Array | undefined, source: Uint8Array): string | undefined {
    if (bytes === undefined) return this.#mode === 'enforce' ? 'no HMAC' : undefined;
    const trailer = readTrailer(bytes);
    if (trailer === undefined) return 'a trailer of another kind';
    const nowUs = this.#wallClockUs();
    const { sequence, keyId } = trailer;
    if (this.#antiReplay.kind === 'time') {
      // Before the HMAC, so that a flood of old ones costs little.
      const old = ageS(sequence, nowUs);
      if (Math.abs(old) > this.#antiReplay.windowS) {
        return `${Math.abs(old)} s ${old > 0 ? 'old' : 'ahead'} by the clocks of the two hosts, or a replay`;
      }
    }
    const known = this.#keys.find(({ id }) => id === keyId);
    if (known === undefined) return `key ID ${keyId} is not in the key file`;
    const from = { family: this.#family, source };
    if (!isTrailerOf(trailer, message, from, known.key, hmacSha256)) return 'a wrong HMAC';
    const sender = source.join('.');
    if (!isNew(sequence, this.#heard.get(sender), nowUs, this.#antiReplay)) return 'a replay';
    this.#note(sender, sequence);
    return undefined;
  }

  #note(sender: string, sequence: bigint): void {
    // The one that was silent for longest goes.
    this.#heard.delete(sender);
    const [oldest] = this.#heard.keys();
    if (oldest !== undefined && this.#heard.size >= SOURCES_MAX) this.#heard.delete(oldest);
    this.#heard.set(sender, sequence);
  }
}
