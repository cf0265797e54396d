/**
 * What one VRRP message costs: `npm run bench:codec`. Prints, per kind of message, the median of several rounds in nanoseconds
 * for decoding, for encoding, and for both, and how many such pairs one thread does in a second.
 */
import { CODEC_CASES, type CodecTimes, codecTimes } from './codec/measure.ts';
import { quantile } from './figures.ts';

const ROUNDS = 15;

console.log(`node ${process.version}, median of ${ROUNDS} rounds`);
for (const each of CODEC_CASES) {
  // All kinds in one process, in turn: the engine sees them mixed too, so no call site may profit from seeing one only.
  const rounds = Array.from({ length: ROUNDS + 1 }, () => codecTimes(each)).slice(1); // the first round warms up
  const median = (of: (times: CodecTimes) => number): number => quantile(rounds.map(of), 0.5);
  const pairNs = median((times) => times.pairNs);
  const [decode, encode, pair] = [median(({ decodeNs }) => decodeNs), median(({ encodeNs }) => encodeNs), pairNs].map(
    (ns) => ns.toFixed(0).padStart(5),
  );
  const millions = (1_000 / pairNs).toFixed(2);
  console.log(`${each.name.padEnd(38)} decode${decode} ns  encode${encode} ns  pair${pair} ns  ${millions} M pairs/s`);
}
