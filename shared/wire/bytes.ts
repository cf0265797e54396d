const text = { encode: new TextEncoder(), decode: new TextDecoder('utf-8', { fatal: false }) };

/** Appends network-order fields to a buffer that grows as needed. */
export class ByteWriter {
  #bytes = new Uint8Array(512);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  u8(value: number): void {
    this.#reserve(1);
    this.#view.setUint8(this.#length, value);
    this.#length += 1;
  }

  u16(value: number): void {
    this.#reserve(2);
    this.#view.setUint16(this.#length, value);
    this.#length += 2;
  }

  /** A whole number up to Number.MAX_SAFE_INTEGER in 8 bytes. */
  u64(value: number): void {
    this.#reserve(8);
    this.#view.setBigUint64(this.#length, BigInt(value));
    this.#length += 8;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** One byte of length, then UTF-8; 255 bytes at most. Throws RangeError beyond that. */
  string(value: string): void {
    const bytes = text.encode.encode(value);
    if (bytes.length > 255) throw new RangeError(`a name of ${bytes.length} bytes does not fit, 255 is the limit`);
    this.u8(bytes.length);
    this.raw(bytes);
  }

  /** What was written so far; a view that the next write may leave behind. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/**
 * Walks a buffer with one offset. A read beyond the end yields zero or nothing and makes `failed` true for good, so that
 * a parser may read on and ask once.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;
  #failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Everything was read, and nothing beyond it. */
  get finished(): boolean {
    return !this.#failed && this.#offset === this.#bytes.length;
  }

  u8(): number {
    return this.#take(1) ? this.#view.getUint8(this.#offset - 1) : 0;
  }

  u16(): number {
    return this.#take(2) ? this.#view.getUint16(this.#offset - 2) : 0;
  }

  /** Fails on numbers above Number.MAX_SAFE_INTEGER. */
  u64(): number {
    if (!this.#take(8)) return 0;
    const value = this.#view.getBigUint64(this.#offset - 8);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.#failed = true;
    return this.#failed ? 0 : Number(value);
  }

  raw(length: number): Uint8Array {
    return this.#take(length) ? this.#bytes.subarray(this.#offset - length, this.#offset) : new Uint8Array(0);
  }

  /** What was read means nothing. */
  refuse(): void {
    this.#failed = true;
  }

  string(): string {
    return text.decode.decode(this.raw(this.u8()));
  }

  #take(length: number): boolean {
    if (this.#failed || this.#offset + length > this.#bytes.length) {
      this.#failed = true;
      return false;
    }
    this.#offset += length;
    return true;
  }
}
