import sha256 from 'fast-sha256';

const BYTES_OF_NAME = 8;
const BYTES_OF_HASH = 8;
const BYTES = BYTES_OF_NAME + BYTES_OF_HASH;
const utf8 = new TextEncoder();

/**
 * The config hash of each group of one node (L16), small enough for what the runtime keeps with a link: of a group's name it has
 * the beginning of its SHA-256, so that 512 groups take 8 KiB however long their names are.
 */
export class ConfigHashes {
  readonly packed: Uint8Array;
  readonly #ofGroup = new Map<string, string>();

  private constructor(packed: Uint8Array) {
    this.packed = packed;
    const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
    for (let at = 0; at < bytes.length; at += BYTES) {
      this.#ofGroup.set(
        bytes.toString('hex', at, at + BYTES_OF_NAME),
        bytes.toString('hex', at + BYTES_OF_NAME, at + BYTES),
      );
    }
  }

  /** @param groups each with its hash, 16 hexadecimal digits */
  static of(groups: readonly { readonly group: string; readonly config_hash: string }[]): ConfigHashes {
    const parts = groups.flatMap(({ group, config_hash }) => [keyOf(group), config_hash]);
    // A copy: a buffer may be a part of one that holds other things, and the whole of it would be kept.
    return new ConfigHashes(Uint8Array.from(Buffer.from(parts.join(''), 'hex')));
  }

  /** Null: that is no such thing. */
  static from(packed: Uint8Array): ConfigHashes | null {
    return packed.byteLength % BYTES === 0 ? new ConfigHashes(packed) : null;
  }

  /** Undefined: that node has no such group. */
  get(group: string): string | undefined {
    return this.#ofGroup.size === 0 ? undefined : this.#ofGroup.get(keyOf(group));
  }
}

/** Each vote asks for its group again. */
const keys = new Map<string, string>();
const KEYS_MAX = 4_096;

function keyOf(group: string): string {
  const known = keys.get(group);
  if (known !== undefined) return known;
  const key = Buffer.from(sha256.hash(utf8.encode(group)).subarray(0, BYTES_OF_NAME)).toString('hex');
  if (keys.size >= KEYS_MAX) keys.clear();
  keys.set(group, key);
  return key;
}
