import { BALLOT_COUNTER_MAX, type Ballot, type Claim, type Refusal, type Verdict } from '../lease/index.ts';
import { ByteReader, ByteWriter } from './bytes.ts';

/** What two agents say to each other, all groups of a link in one datagram (L3). */
export type SidebandMessage =
  /** introduces a session and carries nothing else */
  | { readonly kind: 'hello' }
  | { readonly kind: 'heartbeat'; readonly claims: readonly Claim[] }
  /** `sequence`: the heartbeat that it answers, in the sender's numbering (L3) */
  | { readonly kind: 'ack'; readonly sequence: number; readonly verdicts: readonly Verdict[] }
  | { readonly kind: 'release'; readonly group: string; readonly ballot: Ballot }
  | { readonly kind: 'transfer'; readonly group: string; readonly ballot: Ballot; readonly to: string }
  /** the owner asks the receiver whether it is ready to own */
  | { readonly kind: 'invite'; readonly group: string; readonly ballot: Ballot }
  /** L17: the sender's register is bound to the receiver without end, from `ballot` on */
  | { readonly kind: 'depart'; readonly group: string; readonly ballot: Ballot; readonly departure: Ballot }
  /** the sender counts on that from now on */
  | { readonly kind: 'departed'; readonly group: string; readonly departure: Ballot }
  /** of one that has come back: may I? of the survivor: I no longer count on your departure */
  | { readonly kind: 'join'; readonly group: string; readonly departure: Ballot };

/**
 * The header before each message; numbers are in network order, names have a byte of length before them.
 *
 *   0 magic "TB" (2) | version (1) | key id (1) | kind (1) | zero (3)
 *   8 session (8)     the sender's nonce, new with each start
 *  16 echo (8)        the receiver's nonce as the sender knows it; zero before they have met
 *  24 incarnation (8) grows with each start of the sender
 *  32 sequence (8)    grows with each datagram of a session
 *  40 from | to | message | HMAC-SHA256 (32) over everything before it
 */
export type SidebandHeader = {
  readonly keyId: number;
  readonly session: Uint8Array;
  readonly echo: Uint8Array;
  readonly incarnation: number;
  readonly sequence: number;
  readonly from: string;
  readonly to: string;
};

export const SIDEBAND_VERSION = 1;
export const MAC_BYTES = 32;
export const NONCE_BYTES = 8;
/** Largest datagram that is sent or looked at. */
export const DATAGRAM_BYTES_MAX = 60_000;
const MAGIC = 0x5442;
const GROUPS_MAX = 1024;
const HASH_BYTES = 8;
const SETTINGS_BYTES = 4;

const KINDS = ['hello', 'heartbeat', 'ack', 'release', 'transfer', 'depart', 'departed', 'join', 'invite'] as const;
const CLAIM_KINDS = ['none', 'owns', 'requests', 'ready'] as const;
/** On top of a claim's kind: under policy `bias` only, and of a backup that asks for the group. */
const WITNESS_LOST = 0x80;
const WANTS = 0x40;
/** What of a change of identity a claim says (L16): where to, that its sender is joint, and which change it is. */
const NEXT = 0x20;
const JOINT = 0x10;
const GENERATION = 0x08;
const GENERATION_MAX = 0xffff_ffff;
const CLAIM_FLAGS = WITNESS_LOST | WANTS | NEXT | JOINT | GENERATION;
/** A verdict whose promise is in seconds, because it does not fit in milliseconds. */
const GRANTED_LONG = 0x80;
const REFUSALS = [
  'bound',
  'lower_ballot',
  'quarantined',
  'config_mismatch',
  'unknown_group',
] as const satisfies Refusal[];

/** Header and message, without the HMAC. Throws RangeError on what no valid configuration can produce. */
export function encodeSideband(header: SidebandHeader, message: SidebandMessage): Uint8Array {
  const out = new ByteWriter();
  out.u16(MAGIC);
  out.u8(SIDEBAND_VERSION);
  out.u8(header.keyId);
  out.u8(KINDS.indexOf(message.kind));
  out.raw(new Uint8Array(3));
  out.raw(header.session);
  out.raw(header.echo);
  out.u64(header.incarnation);
  out.u64(header.sequence);
  out.string(header.from);
  out.string(header.to);
  writeMessage(out, message);
  return out.written();
}

export type DecodeSidebandFailure = 'not_sideband' | 'unknown_version' | 'malformed';
export type DecodedSideband =
  | { readonly ok: true; readonly header: SidebandHeader; readonly message: SidebandMessage }
  | { readonly ok: false; readonly reason: DecodeSidebandFailure };

/** The key id, for finding the key before anything else is believed; undefined when this is no datagram of ours. */
export function peekKeyId(datagram: Uint8Array): number | undefined {
  if (datagram.length < 42 + MAC_BYTES || datagram.length > DATAGRAM_BYTES_MAX) return undefined;
  if (datagram[0] !== MAGIC >> 8 || datagram[1] !== (MAGIC & 0xff)) return undefined;
  return datagram[3];
}

/** Reads what `encodeSideband` wrote. Never throws, whatever the bytes. */
export function decodeSideband(bytes: Uint8Array): DecodedSideband {
  const input = new ByteReader(bytes);
  if (input.u16() !== MAGIC) return { ok: false, reason: 'not_sideband' };
  if (input.u8() !== SIDEBAND_VERSION) return { ok: false, reason: 'unknown_version' };
  const keyId = input.u8();
  const kind = KINDS[input.u8()];
  input.raw(3);
  const session = input.raw(NONCE_BYTES);
  const echo = input.raw(NONCE_BYTES);
  const incarnation = input.u64();
  const sequence = input.u64();
  const from = input.string();
  const to = input.string();
  const message = kind === undefined ? undefined : readMessage(input, kind);
  if (message === undefined || !input.finished) return { ok: false, reason: 'malformed' };
  return { ok: true, header: { keyId, session, echo, incarnation, sequence, from, to }, message };
}

function writeMessage(out: ByteWriter, message: SidebandMessage): void {
  switch (message.kind) {
    case 'hello':
      return;
    case 'heartbeat':
      out.u16(message.claims.length);
      for (const claim of message.claims) writeClaim(out, claim);
      return;
    case 'ack':
      out.u64(message.sequence);
      out.u16(message.verdicts.length);
      for (const verdict of message.verdicts) writeVerdict(out, verdict);
      return;
    case 'release':
    case 'invite':
      out.string(message.group);
      writeBallot(out, message.ballot);
      return;
    case 'transfer':
      out.string(message.group);
      writeBallot(out, message.ballot);
      out.string(message.to);
      return;
    case 'depart':
      out.string(message.group);
      writeBallot(out, message.ballot);
      writeBallot(out, message.departure);
      return;
    case 'departed':
    case 'join':
      out.string(message.group);
      writeBallot(out, message.departure);
      return;
  }
}

function readMessage(input: ByteReader, kind: SidebandMessage['kind']): SidebandMessage | undefined {
  switch (kind) {
    case 'hello':
      return { kind };
    case 'heartbeat': {
      const claims = readList(input, readClaim);
      return claims && { kind, claims };
    }
    case 'ack': {
      const sequence = input.u64();
      const verdicts = readList(input, readVerdict);
      return verdicts && { kind, sequence, verdicts };
    }
    case 'release':
    case 'invite':
      return { kind, group: input.string(), ballot: readBallot(input) };
    case 'transfer':
      return { kind, group: input.string(), ballot: readBallot(input), to: input.string() };
    case 'depart':
      return { kind, group: input.string(), ballot: readBallot(input), departure: readBallot(input) };
    case 'departed':
    case 'join':
      return { kind, group: input.string(), departure: readBallot(input) };
  }
}

function readList<Item>(input: ByteReader, readItem: (input: ByteReader) => Item | undefined): Item[] | undefined {
  const count = input.u16();
  if (count > GROUPS_MAX) return undefined;
  const items: Item[] = [];
  while (items.length < count) {
    const item = readItem(input);
    if (item === undefined || input.failed) return undefined;
    items.push(item);
  }
  return items;
}

function writeClaim(out: ByteWriter, claim: Claim): void {
  out.string(claim.group);
  const { next, generation } = claim;
  const flags =
    (claim.witnessLost === true ? WITNESS_LOST : 0) |
    (claim.wants === true ? WANTS : 0) |
    (next === undefined ? 0 : NEXT) |
    (next?.joint === true ? JOINT : 0) |
    (generation === undefined ? 0 : GENERATION);
  out.u8(CLAIM_KINDS.indexOf(claim.kind) | flags);
  writeBallot(out, claim.ballot);
  writeHex(out, claim.configHash, HASH_BYTES);
  out.u16(Math.ceil(claim.promiseMs));
  out.u8(claim.priority);
  writeHex(out, claim.settings, SETTINGS_BYTES);
  if (next !== undefined) writeHex(out, next.configHash, HASH_BYTES);
  if (generation !== undefined) out.u64(generation);
}

function readClaim(input: ByteReader): Claim | undefined {
  const group = input.string();
  const code = input.u8();
  const kind = CLAIM_KINDS[code & ~CLAIM_FLAGS];
  const ballot = readBallot(input);
  const configHash = readHex(input, HASH_BYTES);
  const promiseMs = input.u16();
  const priority = input.u8();
  const settings = readHex(input, SETTINGS_BYTES);
  const next = (code & NEXT) === 0 ? undefined : readHex(input, HASH_BYTES);
  const joint = (code & JOINT) !== 0;
  const generation = (code & GENERATION) === 0 ? 0 : input.u64();
  if (generation > GENERATION_MAX) input.refuse();
  if (kind === undefined || (joint && next === undefined)) return undefined;
  return {
    ...{ group, kind, ballot, configHash, promiseMs, priority, settings },
    ...((code & WITNESS_LOST) === 0 ? {} : { witnessLost: true }),
    ...((code & WANTS) === 0 ? {} : { wants: true }),
    ...(next === undefined ? {} : { next: { configHash: next, joint } }),
    ...(generation === 0 ? {} : { generation }),
  };
}

function writeVerdict(out: ByteWriter, verdict: Verdict): void {
  out.string(verdict.group);
  writeBallot(out, verdict.ballot);
  if (verdict.kind === 'granted') {
    // Rounded down: a voter must not be believed for longer than it has promised.
    const isLong = verdict.promiseMs > 0xffff;
    out.u8(isLong ? GRANTED_LONG : 0);
    out.u16(isLong ? Math.min(0xffff, Math.floor(verdict.promiseMs / 1000)) : Math.floor(verdict.promiseMs));
    return;
  }
  out.u8(1 + REFUSALS.indexOf(verdict.reason));
  out.u16(Math.min(0xffff, Math.ceil(verdict.remainingMs)));
  writeBallot(out, verdict.highest);
}

function readVerdict(input: ByteReader): Verdict | undefined {
  const group = input.string();
  const ballot = readBallot(input);
  const code = input.u8();
  if (code === 0) return { kind: 'granted', group, ballot, promiseMs: input.u16() };
  if (code === GRANTED_LONG) return { kind: 'granted', group, ballot, promiseMs: input.u16() * 1000 };
  const reason = REFUSALS[code - 1];
  const remainingMs = input.u16();
  const highest = readBallot(input);
  return reason && { kind: 'refused', group, ballot, reason, remainingMs, highest };
}

function writeBallot(out: ByteWriter, ballot: Ballot): void {
  out.u64(ballot.counter);
  out.string(ballot.node);
}

function readBallot(input: ByteReader): Ballot {
  const ballot = { counter: input.u64(), node: input.string() };
  if (ballot.counter > BALLOT_COUNTER_MAX) input.refuse();
  return ballot;
}

function writeHex(out: ByteWriter, hex: string, bytes: number): void {
  for (let index = 0; index < 2 * bytes; index += 2) out.u8(Number.parseInt(hex.slice(index, index + 2), 16));
}

function readHex(input: ByteReader, bytes: number): string {
  return Array.from(input.raw(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
