const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const LINKTYPE_ETHERNET = 1;
/** Larger than any snapshot length the lab asks for; a record above it means that the stream is out of step. */
const RECORD_MAX = 65_535;

export type Packet = { readonly atUs: number; readonly bytes: Buffer };

/** Cuts a classic pcap stream (little endian, microseconds, Ethernet), arriving in pieces of any size, into packets. */
export class PcapStream {
  #rest: Buffer = Buffer.alloc(0);
  #headerSeen = false;

  /** The packets that `piece` completes. Throws when the stream is not such a pcap. */
  push(piece: Buffer): Packet[] {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const packets: Packet[] = [];
    let at = 0;
    if (!this.#headerSeen) {
      if (bytes.length < FILE_HEADER) {
        this.#rest = bytes;
        return packets;
      }
      if (bytes.readUInt32LE(0) !== MAGIC_MICROSECONDS) throw new Error('not a pcap stream of this machine');
      if (bytes.readUInt32LE(20) !== LINKTYPE_ETHERNET) throw new Error('not a capture of Ethernet frames');
      this.#headerSeen = true;
      at = FILE_HEADER;
    }
    while (bytes.length - at >= RECORD_HEADER) {
      const captured = bytes.readUInt32LE(at + 8);
      if (captured > RECORD_MAX) throw new Error('pcap stream out of step');
      if (bytes.length - at - RECORD_HEADER < captured) break;
      const atUs = bytes.readUInt32LE(at) * 1_000_000 + bytes.readUInt32LE(at + 4);
      packets.push({ atUs, bytes: bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + captured) });
      at += RECORD_HEADER + captured;
    }
    this.#rest = bytes.subarray(at);
    return packets;
  }
}
