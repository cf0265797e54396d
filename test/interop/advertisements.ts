import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LabProcess, run } from '../lab/process.ts';
import { type HostName, NETWORK, PORTS, type Topology } from '../lab/topology.ts';

/** One advertisement as tshark reads it. */
export type Decoded = {
  readonly version: number;
  readonly virtualRouterId: number;
  readonly priority: number;
  /** Maximum Advertise Interval in centiseconds (version 3) or Advertisement Interval in seconds (version 2). */
  readonly interval: number;
  readonly addresses: readonly string[];
  readonly hopLimit: number;
  readonly checksumGood: boolean;
  /** Notes of tshark's expert system, malformed packets included; empty when it has nothing to say. */
  readonly complaints: readonly string[];
};

/** One advertisement on the wire. */
export type Sighting = {
  /** By the kernel's clock, in ms since 1970. */
  readonly atMs: number;
  /** Whether the host itself has sent it, by its own MAC address. */
  readonly bySelf: boolean;
  readonly source: string;
  readonly decoded: Decoded;
};

const FIELDS = [
  'frame.time_epoch',
  'eth.src',
  'ip.src',
  'ipv6.src',
  'vrrp.version',
  'vrrp.virt_rtr_id',
  'vrrp.prio',
  'vrrp.adver_int',
  'vrrp.short_adver_int',
  'vrrp.ip_addr',
  'vrrp.ipv6_addr',
  'ip.ttl',
  'ipv6.hlim',
  'vrrp.checksum.status',
  '_ws.expert.message',
  '_ws.malformed',
] as const;
type Field = (typeof FIELDS)[number];

const CHECKSUM_GOOD = '1';
/** tshark takes seconds to start on a busy machine. */
const DECODING_MS = 60_000;

/** Everything with IP protocol 112 that passes a host's port of the switch, in a file. */
export class AdvertisementRecord {
  readonly #process: LabProcess;
  readonly #file: string;
  readonly #host: HostName;

  private constructor(process: LabProcess, file: string, host: HostName) {
    this.#process = process;
    this.#file = file;
    this.#host = host;
  }

  static async start(topology: Topology, host: HostName): Promise<AdvertisementRecord> {
    const file = join(topology.folder, `advertisements-${host}.pcap`);
    const process = topology.spawn('switch', {
      command: 'tcpdump',
      // As root: tcpdump would otherwise write as a user that may not enter the folder.
      args: [
        '-Z',
        'root',
        '-n',
        '-U',
        '--immediate-mode',
        '-i',
        PORTS[host].lan,
        '-w',
        file,
        'ip proto 112 or ip6 proto 112',
      ],
      logFile: join(topology.folder, `advertisements-${host}.log`),
    });
    await process.waitForLog('listening on', 10_000);
    return new AdvertisementRecord(process, file, host);
  }

  /** What the host has sent so far. */
  async sentByHost(checksum: 'pseudo-header' | 'message'): Promise<Decoded[]> {
    const all = await this.sightings(checksum);
    return all.filter(({ bySelf }) => bySelf).map((sighting) => sighting.decoded);
  }

  /** All that has passed so far, in its order. */
  async sightings(checksum: 'pseudo-header' | 'message'): Promise<Sighting[]> {
    if (!this.#process.running) throw new Error('the capture has ended');
    // tcpdump writes packet by packet; what is on its way arrives meanwhile.
    await sleep(100);
    const preference = `vrrp.v3_checksum_as_in_v2:${checksum === 'message' ? 'TRUE' : 'FALSE'}`;
    const args = [
      ...['-n', '-r', this.#file, '-o', preference],
      ...['-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=a', '-E', 'aggregator=,'],
      ...FIELDS.flatMap((field) => ['-e', field]),
    ];
    const output = await run('tshark', args, undefined, DECODING_MS);
    const { mac } = NETWORK.hosts[this.#host];
    return output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => sighting(line.split('\t'), mac));
  }

  stop(): Promise<void> {
    return this.#process.stop(2_000);
  }
}

function sighting(cells: readonly string[], ownMac: string): Sighting {
  const cell = (field: Field): string => cells[FIELDS.indexOf(field)] ?? '';
  const list = (field: Field): string[] => (cell(field) === '' ? [] : cell(field).split(','));
  const decoded: Decoded = {
    version: Number(cell('vrrp.version')),
    virtualRouterId: Number(cell('vrrp.virt_rtr_id')),
    priority: Number(cell('vrrp.prio')),
    interval: Number(cell('vrrp.short_adver_int') || cell('vrrp.adver_int')),
    addresses: [...list('vrrp.ip_addr'), ...list('vrrp.ipv6_addr')],
    hopLimit: Number(cell('ip.ttl') || cell('ipv6.hlim')),
    checksumGood: cell('vrrp.checksum.status') === CHECKSUM_GOOD,
    complaints: [...list('_ws.expert.message'), ...list('_ws.malformed')],
  };
  return {
    atMs: Number(cell('frame.time_epoch')) * 1_000,
    bySelf: cell('eth.src') === ownMac,
    source: cell('ip.src') || cell('ipv6.src'),
    decoded,
  };
}
