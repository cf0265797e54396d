import koffi from 'koffi';
import type { SystemResult } from './errno.ts';
import { receiveMany } from './libc.ts';

/*
 * The arguments of recvmmsg(2) on a 64-bit system, one of each for every datagram:
 *
 *   struct mmsghdr    0 msg_name  8 msg_namelen (4)  16 msg_iov  24 msg_iovlen  32 msg_control
 *                    40 msg_controllen  48 msg_flags (4)  56 msg_len (4), 64 bytes
 *   struct iovec      0 iov_base  8 iov_len, 16 bytes
 */
const HEADER_BYTES = 64;
const NAME_LENGTH_AT = 8;
const VECTOR_AT = 16;
const VECTOR_COUNT_AT = 24;
const LENGTH_AT = 56;
const VECTOR_BYTES = 16;
/** `struct sockaddr_in6` and what is left to the next multiple of eight. */
const NAME_BYTES = 32;

/**
 * Reads many datagrams with one system call into memory that is used again for the next ones. One batch serves any number of
 * sockets of one thread, as long as what was read is done with before the next `receive`.
 */
export class DatagramBatch {
  readonly #count: number;
  readonly #address: bigint;
  readonly #headers: DataView;
  readonly #names: readonly Uint8Array[];
  readonly #datagrams: readonly Uint8Array[];

  /** @param datagramBytes of a longer datagram only so much is read */
  constructor(count: number, datagramBytes: number) {
    this.#count = count;
    // Outside V8's heap, where nothing is moved: the structures point to each other.
    const bytes = count * (HEADER_BYTES + VECTOR_BYTES + NAME_BYTES + datagramBytes);
    const memory = koffi.alloc('uint8_t', bytes);
    const start = koffi.address(memory);
    const view = koffi.view(memory, bytes);
    const vectorsAt = count * HEADER_BYTES;
    const namesAt = vectorsAt + count * VECTOR_BYTES;
    const datagramsAt = namesAt + count * NAME_BYTES;
    this.#address = start;
    this.#headers = new DataView(view, 0, vectorsAt);
    const vectors = new DataView(view, vectorsAt, count * VECTOR_BYTES);
    const indices = Array.from({ length: count }, (_, index) => index);
    this.#names = indices.map((index) => new Uint8Array(view, namesAt + index * NAME_BYTES, NAME_BYTES));
    this.#datagrams = indices.map((index) => new Uint8Array(view, datagramsAt + index * datagramBytes, datagramBytes));
    for (const index of indices) {
      const at = index * HEADER_BYTES;
      this.#headers.setBigUint64(at, start + BigInt(namesAt + index * NAME_BYTES), true);
      this.#headers.setBigUint64(at + VECTOR_AT, start + BigInt(vectorsAt + index * VECTOR_BYTES), true);
      this.#headers.setBigUint64(at + VECTOR_COUNT_AT, 1n, true);
      const datagramAt = start + BigInt(datagramsAt + index * datagramBytes);
      vectors.setBigUint64(index * VECTOR_BYTES, datagramAt, true);
      vectors.setBigUint64(index * VECTOR_BYTES + 8, BigInt(datagramBytes), true);
    }
  }

  /** How many there are at most in one go. */
  get size(): number {
    return this.#count;
  }

  /** Reads what is there, without waiting. The value is how many datagrams; nothing there: `EAGAIN`. */
  receive(fd: number): SystemResult<number> {
    for (let index = 0; index < this.#count; index += 1) {
      this.#headers.setUint32(index * HEADER_BYTES + NAME_LENGTH_AT, NAME_BYTES, true);
    }
    return receiveMany(fd, this.#address, this.#count);
  }

  /** The memory of datagram `index`: the first `length(index)` bytes are what the last `receive` has read. */
  datagram(index: number): Uint8Array {
    return itemOf(this.#datagrams, index);
  }

  length(index: number): number {
    return this.#headers.getUint32(index * HEADER_BYTES + LENGTH_AT, true);
  }

  /** A view of its sender's `struct sockaddr_*`. */
  sender(index: number): Uint8Array {
    return itemOf(this.#names, index);
  }
}

function itemOf(items: readonly Uint8Array[], index: number): Uint8Array {
  const item = items[index];
  if (item === undefined) throw new RangeError(`a batch has ${items.length} datagrams`);
  return item;
}
