import { processorNsOf } from './processor-time.ts';

const BYTES = 1_500;
const TURNS = 20_000;

/**
 * How long plain arithmetic takes here and now, in ns for the sum of a packet's words: what a figure of processor time is
 * divided by, so that two machines, or one at two moments, can be compared.
 */
export function yardstickNs(): number {
  const packet = Uint8Array.from({ length: BYTES }, (_, index) => index & 0xff);
  sumsOf(packet);
  let kept = 0;
  const ns =
    processorNsOf(() => {
      kept = sumsOf(packet);
    }) / TURNS;
  if (kept === 0) throw new Error('nothing was measured');
  return ns;
}

function sumsOf(packet: Uint8Array): number {
  let kept = 0;
  for (let turn = 0; turn < TURNS; turn += 1) {
    let sum = turn;
    for (let at = 0; at + 1 < packet.length; at += 2) sum += ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0);
    kept += sum & 0xff;
  }
  return kept;
}
