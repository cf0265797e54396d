/**
 * What a sideband datagram costs one thread: `node test/bench/sideband.bench.ts`. Prints the median of several rounds in
 * microseconds: a heartbeat sealed and opened, and what it takes to refuse what is forged or no datagram of ours.
 */
import type { Claim } from '@tiebreak/shared/lease';
import { SidebandSession } from '@tiebreak/shared/wire';
import { hmacSha256 } from '../../agent/engine/hmac.ts';

const ROUNDS = 15;
const LARGEST_BYTES = 60_000;

const KEY = { id: 1, key: new Uint8Array(32).fill(7) };
const WRONG_KEY = { id: 1, key: new Uint8Array(32).fill(8) };

console.log(`node ${process.version}, median of ${ROUNDS} rounds`);
for (const groups of [1, 100]) {
  const { a, b } = metPair();
  const forger = session('a', 'b', WRONG_KEY.key);
  const message = { kind: 'heartbeat', claims: claims(groups) } as const;
  const bytes = a.seal(message).datagram.length;
  const forged = forger.seal(message).datagram;
  const replayed = a.seal(message).datagram;
  b.open(replayed);
  const times = groups === 1 ? 20_000 : 1_000;
  const about = `${groups} ${groups === 1 ? 'group' : 'groups'}, ${bytes} bytes`;
  print(`heartbeat of ${about}: seal`, times, () => a.seal(message).datagram.length);
  print(`heartbeat of ${about}: seal and open`, times, () => (b.open(a.seal(message).datagram).ok ? 1 : 0));
  print(`forged, ${about}: refused`, times, () => refused(b, forged, 'wrong_mac'));
  print(`replayed, ${about}: refused`, times, () => refused(b, replayed, 'duplicate'));
}
const { b } = metPair();
print('garbage of 200 bytes: refused', 200_000, () => refused(b, new Uint8Array(200), 'not_sideband'));
const largest = new Uint8Array(LARGEST_BYTES);
largest.set([0x54, 0x42, 1, KEY.id]);
print(`forged, ${LARGEST_BYTES} bytes, the largest: refused`, 500, () => refused(b, largest, 'wrong_mac'));

function session(node: string, peer: string, key = KEY.key): SidebandSession {
  const nonce = new Uint8Array(8).fill(node.charCodeAt(0));
  return new SidebandSession({ node, peer, keys: [{ id: KEY.id, key }], hmac: hmacSha256, nonce, incarnation: 1 });
}

function metPair(): { a: SidebandSession; b: SidebandSession } {
  const [a, b] = [session('a', 'b'), session('b', 'a')];
  const first = b.open(a.seal({ kind: 'hello' }).datagram);
  if (first.ok || first.introduce === undefined) throw new Error('a first datagram cannot echo anything');
  if (!a.open(b.seal({ kind: 'hello' }, first.introduce).datagram).ok) throw new Error('they do not meet');
  return { a, b };
}

function claims(count: number): Claim[] {
  return Array.from({ length: count }, (_, index) => ({
    group: `group-${index}`,
    kind: 'owns',
    ballot: { counter: 1000 + index, node: 'a' },
    configHash: '0123456789abcdef',
    promiseMs: 250,
    priority: 100,
    settings: '000000bb',
  }));
}

function refused(by: SidebandSession, datagram: Uint8Array, reason: string): number {
  const opened = by.open(datagram);
  if (opened.ok || opened.reason !== reason) throw new Error(`not refused as ${reason}`);
  return 1;
}

function print(what: string, times: number, run: () => number): void {
  const samples: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const start = process.hrtime.bigint();
    let kept = 0; // the results are used, or the optimiser may drop the work
    for (let count = 0; count < times; count += 1) kept += run();
    const us = Number(process.hrtime.bigint() - start) / 1000 / times;
    if (kept === 0) throw new Error('nothing was measured');
    if (round > 0) samples.push(us); // the first round warms up
  }
  const median = samples.sort((left, right) => left - right)[ROUNDS >> 1] ?? Number.NaN;
  console.log(`${what.padEnd(58)} ${median.toFixed(2).padStart(8)} us`);
}
