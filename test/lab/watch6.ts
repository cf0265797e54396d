import { parseAddress } from '../../shared/vrrp/index.ts';
import { Capture } from './capture.ts';
import { type HostName, NETWORK, type Topology } from './topology.ts';

/** One frame by which a host answered for the address: an echo reply, or a neighbour advertisement (solicited or not). */
export type Answer6 = {
  readonly atUs: number;
  readonly by: HostName | 'other';
  readonly kind: 'echo' | 'advertisement';
};

const PING_INTERVAL_S = '0.01';

const ICMPV6_AT = 14 + 40;
const SOURCE_AT = 14 + 8;
const TARGET_AT = ICMPV6_AT + 8;
const ECHO_REPLY = 129;
const NEIGHBOUR_ADVERTISEMENT = 136;

const HOST_OF_MAC = new Map<string, HostName>([
  [NETWORK.hosts.a.mac, 'a'],
  [NETWORK.hosts.b.mac, 'b'],
]);

/** A client that pings an IPv6 address without end, and the kernel's record of who answered. */
export class Watch6 {
  readonly #answers: Answer6[] = [];

  static async start(topology: Topology, address: string): Promise<Watch6> {
    const watch = new Watch6();
    const wanted = Buffer.from(parseAddress(address) ?? []).toString('hex');
    const where = { place: 'client', interfaceName: NETWORK.lanInterface, filter: 'icmp6' } as const;
    await Capture.start(topology, where, ({ atUs, bytes }) => {
      const kind = kindOf(bytes, wanted);
      if (kind === undefined) return;
      const mac = bytes.toString('hex', 6, 12).replace(/..(?!$)/g, '$&:');
      watch.#answers.push({ atUs, by: HOST_OF_MAC.get(mac) ?? 'other', kind });
    });
    topology.spawn('client', {
      command: 'ping',
      args: ['-6', '-q', '-i', PING_INTERVAL_S, address],
      logFile: `${topology.folder}/ping6.log`,
    });
    return watch;
  }

  /** Now, on the clock of the record. */
  nowUs(): number {
    return Date.now() * 1_000;
  }

  /** What was seen since then, in order. */
  since(fromUs: number): readonly Answer6[] {
    return this.#answers.filter(({ atUs }) => atUs >= fromUs);
  }
}

function kindOf(frame: Buffer, address: string): Answer6['kind'] | undefined {
  if (frame.length < TARGET_AT) return undefined;
  const type = frame.readUInt8(ICMPV6_AT);
  if (type === ECHO_REPLY) return frame.toString('hex', SOURCE_AT, SOURCE_AT + 16) === address ? 'echo' : undefined;
  if (type !== NEIGHBOUR_ADVERTISEMENT) return undefined;
  return frame.toString('hex', TARGET_AT, TARGET_AT + 16) === address ? 'advertisement' : undefined;
}
