import { join } from 'node:path';
import { type Packet, PcapStream } from './pcap.ts';
import type { LabProcess } from './process.ts';
import type { PlaceName, Topology } from './topology.ts';

/** Enough for everything that the lab reads of a frame. */
const SNAPSHOT_BYTES = 128;
const KERNEL_BUFFER_KIB = 16_384;

export type CaptureOptions = {
  readonly place: PlaceName;
  readonly interfaceName: string;
  /** pcap-filter(7). */
  readonly filter: string;
  /** Seen from the place: only what comes in there. */
  readonly incomingOnly?: boolean;
};

/** tcpdump on one interface; every frame comes with the kernel's time stamp, in or out. */
export class Capture {
  readonly #process: LabProcess;

  private constructor(process: LabProcess) {
    this.#process = process;
  }

  /** Returns when the kernel captures; from then on `onPacket` sees every frame within milliseconds. */
  static async start(
    topology: Topology,
    options: CaptureOptions,
    onPacket: (packet: Packet) => void,
  ): Promise<Capture> {
    const name = `capture-${options.place}-${options.interfaceName}`;
    const process = topology.spawn(options.place, {
      command: 'tcpdump',
      args: [
        '-i',
        options.interfaceName,
        ...(options.incomingOnly === true ? ['-Q', 'in'] : []),
        ...['-n', '-U', '--immediate-mode', '-s', String(SNAPSHOT_BYTES), '-B', String(KERNEL_BUFFER_KIB), '-w', '-'],
        options.filter,
      ],
      logFile: join(topology.folder, `${name}.log`),
      pipe: true,
      nice: -15,
    });
    const stream = new PcapStream();
    process.output.on('data', (piece: Buffer) => {
      for (const packet of stream.push(piece)) onPacket(packet);
    });
    await process.waitForLog('listening on', 10_000);
    return new Capture(process);
  }

  get running(): boolean {
    return this.#process.running;
  }

  /** Ends the capture. Throws if the kernel had to drop frames, because then a silence means nothing. */
  async stop(): Promise<void> {
    await this.#process.stop(2_000);
    const dropped = /(\d+) packets? dropped by kernel/.exec(this.#process.log)?.[1];
    if (dropped !== undefined && dropped !== '0') throw new Error(`the capture lost ${dropped} frames`);
  }
}
