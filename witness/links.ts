import type { DurableObjectState, WebSocket } from '@cloudflare/workers-types';
import { type ClusterEvent, LINK_PING, LINK_PONG, Name, PeerReport, type WitnessFrame } from '@tiebreak/shared/wire';
import { z } from 'zod';
import { ConfigHashes } from './config-hashes.ts';

/** Close codes of the link. 1008 needs an operator; after the others the agent connects again. */
export const CLOSE = {
  policy: 1008,
  tooBig: 1009,
  /** The state that belongs to this link cannot be read (an older version left it). */
  restart: 1012,
  /** A newer link of the same node has taken its place. */
  superseded: 4001,
} as const;

const BAD_MESSAGES_MAX = 3;
/** Agents ping each second. A link that was silent for longer may be half-open: what it reported counts no more. */
const HEARD_WITHIN_MS = 10_000;
const OPEN = 1;
/** Of a link's own pings the runtime keeps the time; that of other messages needs to be no more exact than this. */
const HEARD_RESOLUTION_MS = 1_000;
/** No name of a node has a colon. */
const VIEWERS = 'viewers:';

/** What a link remembers across hibernation; within 16 KiB: 8 of 512 groups, and 2 of 16 peers with the longest names. */
const Attachment = z.strictObject({
  node: Name,
  heardAtMs: z.int(),
  badMessages: z.int(),
  configHashes: z.instanceof(Uint8Array).transform((packed, context) => {
    const hashes = ConfigHashes.from(packed);
    if (hashes === null) context.addIssue({ code: 'custom', message: 'no config hashes' });
    return hashes ?? z.NEVER;
  }),
  peers: z.array(PeerReport),
});
export type Attachment = z.infer<typeof Attachment>;

/** The hibernating WebSockets of one cluster, one per node. */
export class Links {
  readonly #ctx: DurableObjectState;
  /** As the sockets carry them: to ask the runtime for them with each vote would take longer than to decide it. */
  readonly #attachments = new WeakMap<WebSocket, Attachment>();
  readonly #ofNode = new Map<string, WebSocket>();

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(LINK_PING, LINK_PONG));
    for (const socket of ctx.getWebSockets()) {
      const attachment = socket.readyState === OPEN && !this.isViewer(socket) ? this.#read(socket) : null;
      if (attachment !== null) this.#ofNode.set(attachment.node, socket);
    }
  }

  /** The newest link wins: after a broken path the former one may look open for minutes. */
  accept(node: string, nowMs: number): WebSocket {
    this.closeNode(node, CLOSE.superseded, 'a newer link of this node took its place');
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server, [node]);
    this.#ofNode.set(node, server);
    this.#write(server, { node, heardAtMs: nowMs, badMessages: 0, configHashes: ConfigHashes.of([]), peers: [] });
    return client;
  }

  /** Someone who is told of every event from now on. */
  acceptViewer(): WebSocket {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server, [VIEWERS]);
    return client;
  }

  get viewers(): number {
    return this.#ctx.getWebSockets(VIEWERS).length;
  }

  /** All of them: whose stream is whose is not kept. Those whose token is still good open theirs again. */
  closeViewers(reason: string): void {
    for (const socket of this.#ctx.getWebSockets(VIEWERS)) socket.close(CLOSE.policy, reason);
  }

  has(node: string): boolean {
    return this.#openOf(node) !== undefined;
  }

  /** Whose link has just ended, if that node has no other; null: nobody's. */
  leaving(socket: WebSocket): string | null {
    const attachment = this.isViewer(socket) ? null : this.#read(socket);
    if (attachment === null) return null;
    const { node } = attachment;
    if (this.#ofNode.get(node) === socket) this.#ofNode.delete(node);
    return this.has(node) ? null : node;
  }

  isViewer(socket: WebSocket): boolean {
    return !this.#attachments.has(socket) && this.#ctx.getTags(socket).includes(VIEWERS);
  }

  tellViewers(event: ClusterEvent): void {
    const text = JSON.stringify(event);
    for (const socket of this.#ctx.getWebSockets(VIEWERS)) if (socket.readyState === OPEN) socket.send(text);
  }

  closeNode(node: string, code: number, reason: string): void {
    for (const socket of this.#ctx.getWebSockets(node)) socket.close(code, reason);
  }

  /**
   * Null if this side has closed the link: whoever ignores that and goes on talking is not heard. Null too if an older version
   * attached something else; the link is useless then, and closed.
   */
  attachment(socket: WebSocket): Attachment | null {
    if (socket.readyState !== OPEN) return null;
    const read = this.#read(socket);
    if (read === null) socket.close(CLOSE.restart, 'the state of this link cannot be read; connect again');
    return read;
  }

  heard(socket: WebSocket, attachment: Attachment, nowMs: number): void {
    if (Math.abs(nowMs - attachment.heardAtMs) >= HEARD_RESOLUTION_MS) {
      this.#write(socket, { ...attachment, heardAtMs: nowMs });
    }
  }

  reported(
    socket: WebSocket,
    attachment: Attachment,
    groups: readonly { group: string; config_hash: string }[],
    nowMs: number,
  ): void {
    this.#write(socket, { ...attachment, heardAtMs: nowMs, configHashes: ConfigHashes.of(groups) });
  }

  /** Whom that node hears, as it says: gone with its link. */
  hears(node: string, peers: readonly PeerReport[]): void {
    for (const { socket, attachment } of this.#open()) {
      if (attachment.node === node) this.#write(socket, { ...attachment, peers: [...peers] });
    }
  }

  /** By linked node, whom it hears. */
  hearing(): Map<string, readonly PeerReport[]> {
    return new Map(this.#open().map(({ attachment }) => [attachment.node, attachment.peers]));
  }

  /** Nothing is answered to what cannot be read; the third such message ends the link. */
  countBadMessage(socket: WebSocket, attachment: Attachment): void {
    const badMessages = attachment.badMessages + 1;
    this.#write(socket, { ...attachment, badMessages });
    if (badMessages >= BAD_MESSAGES_MAX) socket.close(CLOSE.policy, 'too many messages that are no witness request');
  }

  /** The config hashes of `group` that the other nodes' live links reported (L16). */
  rivalHashes(node: string, group: string, nowMs: number): string[] {
    const hashes: string[] = [];
    for (const [other, socket] of this.#ofNode) {
      const attachment = other === node || socket.readyState !== OPEN ? null : this.#read(socket);
      const hash = attachment?.configHashes.get(group);
      if (attachment === null || hash === undefined) continue;
      // Asked last: the runtime has to be asked for it.
      if (nowMs - this.#heardAtMs(socket, attachment) <= HEARD_WITHIN_MS) hashes.push(hash);
    }
    return hashes;
  }

  /** @param frameFor signs for the node that will read it */
  send(except: string, frameFor: (node: string) => WitnessFrame | null): void {
    for (const { socket, attachment } of this.#open()) {
      const frame = attachment.node === except ? null : frameFor(attachment.node);
      if (frame !== null) socket.send(JSON.stringify(frame));
    }
  }

  /** Whether the frame went into an open link of that node. */
  sendTo(node: string, frame: WitnessFrame): boolean {
    const socket = this.#openOf(node);
    socket?.send(JSON.stringify(frame));
    return socket !== undefined;
  }

  /** When each linked node was last heard, in ms on the wall clock; pings count. */
  heardAt(): Map<string, number> {
    return new Map(
      this.#open().map(({ socket, attachment }) => [attachment.node, this.#heardAtMs(socket, attachment)]),
    );
  }

  #heardAtMs(socket: WebSocket, attachment: Attachment): number {
    const pingedAt = this.#ctx.getWebSocketAutoResponseTimestamp(socket);
    return pingedAt === null ? attachment.heardAtMs : Math.max(attachment.heardAtMs, pingedAt.getTime());
  }

  #openOf(node: string): WebSocket | undefined {
    const socket = this.#ofNode.get(node);
    return socket?.readyState === OPEN ? socket : undefined;
  }

  #open(): { socket: WebSocket; attachment: Attachment }[] {
    return [...this.#ofNode.values()].flatMap((socket) => {
      const attachment = socket.readyState === OPEN ? this.#read(socket) : null;
      return attachment === null ? [] : [{ socket, attachment }];
    });
  }

  #read(socket: WebSocket): Attachment | null {
    const known = this.#attachments.get(socket);
    if (known !== undefined) return known;
    const read = Attachment.safeParse(socket.deserializeAttachment());
    if (!read.success) return null;
    this.#attachments.set(socket, read.data);
    return read.data;
  }

  #write(socket: WebSocket, attachment: Attachment): void {
    socket.serializeAttachment({ ...attachment, configHashes: attachment.configHashes.packed });
    this.#attachments.set(socket, attachment);
  }
}
