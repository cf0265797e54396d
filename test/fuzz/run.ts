/**
 * `npm run fuzz -- --packets 1000000`: throws packets that nobody should believe at a node in the middle of its life, half
 * of them at the sideband and half at VRRP, and ends with 1 if one throws, is believed, or changes a vote. One seed
 * reproduces a run.
 */
import { parseArgs } from 'node:util';
import { advertisementV2, advertisementV3, decodeAdvertisement, encodeAdvertisement } from '@tiebreak/shared/vrrp';
import { Random } from '../../agent/simulation/random.ts';
import { type Victim, victim } from './victim.ts';

const USAGE = 'npm run fuzz -- [--packets N] [--seed S]';
const BATCH = 50_000;
const FLIPS_MAX = 4;
const BYTES_MAX = 400;
const SOURCE = Uint8Array.of(192, 0, 2, 1);
const GROUP = Uint8Array.of(224, 0, 0, 18);
const VIRTUAL = Uint8Array.of(192, 0, 2, 100);

const { values } = parseArgs({
  options: {
    packets: { type: 'string', default: '1000000' },
    seed: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const packets = Number(values.packets);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
if (values.help || !Number.isSafeInteger(packets) || packets < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write(`${USAGE}\n`);
  process.exit(values.help ? 0 : 2);
}
process.stdout.write(`${packets} packets, seed ${seed}\n`);
const random = new Random(seed);
const startedMs = performance.now();
const counts = new Map<string, number>();
const victims = [victim('backup'), victim('active')] as const;
const genuine = advertisements();
for (const each of victims) each.member.done();

for (let sent = 0; sent < packets; sent += 1) {
  const target = random.pick(victims);
  if (sent % 2 === 0) throwAtSideband(target, sent);
  else throwAtVrrp(target, sent);
  if ((sent + 1) % BATCH === 0) process.stderr.write(`${sent + 1} packets, ${rate(sent + 1)} a second\n`);
}
for (const { member } of victims) {
  for (const [reason, times] of [...member.end.link.refusals(), ...member.end.inbox.refusals()]) {
    count(`sideband: ${reason}`, times);
  }
}
for (const [what, times] of [...counts].sort()) process.stdout.write(`${String(times).padStart(10)}  ${what}\n`);
process.stdout.write(`${packets} packets, ${rate(packets)} a second; none was believed, no vote has changed\n`);

function throwAtSideband(target: Victim, at: number): void {
  const before = target.decided();
  target.receive(spoilt(random.pick(target.recorded)));
  if (target.decided() !== before)
    fail(at, `the sideband of a node that is ${target.member.role} has changed its state`);
  const done = target.member.done();
  if (done.length > 0) fail(at, `the node did this: ${done.join(', ')}`);
}

/** What is well-formed may start timers (L4), and nothing else. */
function throwAtVrrp(target: Victim, at: number): void {
  const hopLimit = random.chance(0.9) ? 255 : random.integer(256);
  const envelope = { family: 'ipv4', source: SOURCE, destination: GROUP, hopLimit } as const;
  const decoded = decodeAdvertisement(spoilt(random.pick(genuine)), envelope);
  if (!decoded.ok) {
    count(`VRRP: ${decoded.reason}`);
    return;
  }
  count('VRRP: well-formed, starts a timer');
  const before = votes(target);
  target.member.group.advertised({ advertisement: decoded.advertisement, source: SOURCE });
  if (votes(target) !== before) fail(at, 'an advertisement has changed a vote');
}

function votes({ member }: Victim): string {
  const { register, peers, witness, role } = member.group.state;
  return JSON.stringify([
    register,
    Object.values(peers).map(({ voteUntilUs }) => `${voteUntilUs}`),
    witness,
    role.name,
  ]);
}

/** The packet itself, a part of it, itself with wrong bytes, with more of them, or none of it at all. */
function spoilt(packet: Uint8Array): Uint8Array {
  const bytes = packet.slice();
  switch (random.integer(6)) {
    case 0:
      return bytes;
    case 1:
      return bytes.subarray(0, random.integer(bytes.length));
    case 2:
      return Uint8Array.from([...bytes, ...noise(random.integer(40))]);
    case 3: {
      const from = random.integer(bytes.length);
      bytes.set(noise(random.integer(bytes.length - from)), from);
      return bytes;
    }
    case 4:
      for (let flips = 1 + random.integer(FLIPS_MAX); flips > 0; flips -= 1) {
        const at = random.integer(bytes.length);
        bytes[at] = (bytes[at] ?? 0) ^ (1 + random.integer(255));
      }
      return bytes;
    default:
      return noise(random.integer(BYTES_MAX));
  }
}

function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.integer(256));
}

function advertisements(): Uint8Array[] {
  const envelope = { source: SOURCE, destination: GROUP, checksumForm: 'pseudo-header' } as const;
  return [0, 1, 100, 255].flatMap((priority) => {
    const common = { virtualRouterId: 33, priority, addresses: [VIRTUAL] };
    return [
      encodeAdvertisement(advertisementV2({ ...common, intervalS: 1 }), envelope),
      encodeAdvertisement(advertisementV3({ ...common, family: 'ipv4', intervalCs: 10 }), envelope),
    ];
  });
}

function count(what: string, times = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + times);
}

function rate(sent: number): string {
  return (sent / ((performance.now() - startedMs) / 1_000)).toFixed(0);
}

function fail(at: number, text: string): never {
  process.stderr.write(`packet ${at} of seed ${seed}: ${text}\n`);
  process.exit(1);
}
