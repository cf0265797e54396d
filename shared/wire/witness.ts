import { z } from 'zod';
import { PassedHealth } from './health.ts';
import { BallotMessage, Name } from './identifiers.ts';
import {
  GroupReport,
  HistoryEntry,
  HistoryEntryId,
  PeerReport,
  REPORT_DECISIONS_MAX,
  REPORT_GROUPS_MAX,
  REPORT_PEERS_MAX,
} from './report.ts';

/** The text frames that the runtime answers by itself; they neither wake nor bill the object, and they are no vote. */
export const LINK_PING = 'ping';
export const LINK_PONG = 'pong';

const Counter = z.int().min(0);
/** Fields of every request: who asks in which order, and the proof that it was sent just now (L13); what was forgotten (L14). */
const requestFields = {
  sequence: Counter.describe(
    'grows with each request of one incarnation; the same number again gets the stored reply, unextended',
  ),
  incarnation: Counter.describe('grows with each start of the agent'),
  stamp_ms: Counter.describe("the witness's last stamp"),
  stamp_age_ms: Counter.describe("how long ago, by the agent's own clock, that stamp came"),
  serial: Counter.describe('the highest that this agent has ever seen from this witness'),
};

export const CONFIG_HASH = /^[0-9a-f]{16}$/;
const ConfigHash = z.string().regex(CONFIG_HASH);

export const PROMISE_MS_MAX = 10_000;

export const HelloRequest = z.strictObject({
  type: z.literal('hello'),
  protocols: z.array(z.int().min(1)).min(1).max(8).describe('the versions that the agent speaks'),
  groups: z.array(z.strictObject({ group: Name, config_hash: ConfigHash })).max(512),
  ...requestFields,
});

export const VoteRequest = z.strictObject({
  type: z.literal('vote'),
  group: Name,
  ballot: BallotMessage,
  promise_ms: z.int().min(1).max(PROMISE_MS_MAX),
  config_hash: ConfigHash,
  ...requestFields,
});

export const ReleaseRequest = z.strictObject({
  type: z.literal('release'),
  group: Name,
  ballot: BallotMessage,
  ...requestFields,
});

/** A vote that decides nothing, through the whole real path, the storage write included: the measure of the way to W. */
export const RehearsalRequest = z.strictObject({ type: z.literal('rehearsal'), ...requestFields });

/** The longest datagram that the witness passes on; those that may be worth it are far shorter. */
export const RELAY_BYTES_MAX = 2_048;
/** Base64 has four characters for three bytes. */
const SealedDatagram = z.base64().max(4 * Math.ceil(RELAY_BYTES_MAX / 3));

/**
 * Asks to pass one sealed sideband datagram on to another node of the cluster (L17). To the witness it is opaque: no vote
 * changes, nothing is stored, and whether it is genuine or a replay, the receiver alone can tell.
 */
export const RelayRequest = z.strictObject({
  type: z.literal('relay'),
  to: Name,
  datagram: SealedDatagram,
  ...requestFields,
});
export type RelayRequest = z.infer<typeof RelayRequest>;

/**
 * What this node sees and has decided, for the page, the history and the webhooks of the witness: no vote hangs on it. `groups`
 * are those that have changed since the last report over this link, all at its beginning; `decisions` are oldest first.
 */
export const ReportRequest = z.strictObject({
  type: z.literal('report'),
  peers: z.array(PeerReport).max(REPORT_PEERS_MAX),
  groups: z.array(GroupReport).max(REPORT_GROUPS_MAX),
  decisions: z.array(HistoryEntry).max(REPORT_DECISIONS_MAX),
  ...requestFields,
});
export type ReportRequest = z.infer<typeof ReportRequest>;

export const WitnessRequest = z.discriminatedUnion('type', [
  HelloRequest,
  VoteRequest,
  ReleaseRequest,
  RehearsalRequest,
  RelayRequest,
  ReportRequest,
]);
export type WitnessRequest = z.infer<typeof WitnessRequest>;

export const RefusalReason = z.enum([
  'bound', // to another holder, for remaining_ms at least
  'lower_ballot', // than the highest granted, which the refusal carries
  'stale', // the request was sent too long ago; the reply carries a fresh stamp
  'recovering', // this instance cannot know yet what a former one promised; ask again in remaining_ms
  'config_mismatch', // the other node is configured differently
  'unknown_node', // the ballot names another node than the credential
  'too_many_groups', // the cluster has as many as it can have, and this would be one more
]);
export type RefusalReason = z.infer<typeof RefusalReason>;

export const RelayRefusalReason = z.enum([
  'rate', // this node has asked for too many
  'unknown_node', // no other node of this cluster has that name
]);
export type RelayRefusalReason = z.infer<typeof RelayRefusalReason>;

export const WitnessResult = z.discriminatedUnion('kind', [
  /** `protocol`: the version of what follows on this link */
  z.strictObject({ kind: z.literal('welcome'), protocol: z.int() }),
  /** `protocols`: the versions that the witness speaks */
  z.strictObject({ kind: z.literal('protocol_refused'), protocols: z.array(z.int()) }),
  z.strictObject({ kind: z.literal('granted'), group: Name, ballot: BallotMessage, promise_ms: z.int() }),
  z.strictObject({
    kind: z.literal('refused'),
    group: Name,
    reason: RefusalReason,
    /** ms until it is worth asking again; 0: at once */
    remaining_ms: z.int().min(0),
    highest: BallotMessage,
    holder: z.string().nullable(),
  }),
  z.strictObject({ kind: z.literal('released'), group: Name }),
  z.strictObject({ kind: z.literal('rehearsed') }),
  /** `delivered`: it went into an open link of that node; whether that still leads there, nobody knows. */
  z.strictObject({ kind: z.literal('relayed'), delivered: z.boolean() }),
  z.strictObject({ kind: z.literal('relay_refused'), reason: RelayRefusalReason }),
  /** `decided`: the last decision that this node has ever reported; null: none */
  z.strictObject({ kind: z.literal('reported'), decided: HistoryEntryId.nullable() }),
  z.strictObject({ kind: z.literal('report_refused'), reason: z.literal('rate') }),
]);
export type WitnessResult = z.infer<typeof WitnessResult>;

/**
 * What the witness says: the answer to one request, word that a vote has become free (a hint, never a grant), what an
 * outside monitor says of a service of that node, or a datagram that another node's request has brought; `from` is that node by its credential.
 */
export const WitnessMessage = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('reply'),
    witness_id: z.string(),
    node: Name,
    sequence: Counter,
    incarnation: Counter,
    stamp_ms: Counter,
    serial: Counter,
    result: WitnessResult,
  }),
  z.strictObject({ type: z.literal('freed'), witness_id: z.string(), group: Name }),
  z.strictObject({ type: z.literal('health'), witness_id: z.string(), report: PassedHealth }),
  z.strictObject({ type: z.literal('passed_on'), witness_id: z.string(), from: Name, datagram: SealedDatagram }),
]);
export type WitnessMessage = z.infer<typeof WitnessMessage>;

/**
 * How a WitnessMessage travels: `body` is its JSON text, `mac` the hex HMAC-SHA256 of that text under the node's reply
 * key (L14), so that no second form of the same message has to be agreed upon.
 */
export const WitnessFrame = z.strictObject({ body: z.string().max(16_384), mac: z.string().regex(/^[0-9a-f]{64}$/) });
export type WitnessFrame = z.infer<typeof WitnessFrame>;

/** A node's credential, `tbn1.<witness id>.<secret>`: it pins the witness's identity and authenticates both sides. */
export const NODE_TOKEN = /^tbn1\.([0-9a-f]{32})\.([0-9a-f]{64})$/;

/** The credential of someone who may read the state and the events of a cluster, and nothing else. */
export const VIEWER_TOKEN = /^tbv1\.([0-9a-f]{32})\.([0-9a-f]{64})$/;

/** The credential of an outside monitor, who may report the health of services, and nothing else. */
export const MONITOR_TOKEN = /^tbm1\.([0-9a-f]{32})\.([0-9a-f]{64})$/;

/** HMAC-SHA256 of this label under the token's secret is the key of the replies; of the other, what the witness stores. */
export const REPLY_KEY_LABEL = 'tiebreak witness reply';
export const CREDENTIAL_LABEL = 'tiebreak witness credential';
