import { constants } from 'node:os';
import { type SystemError, type SystemResult, systemError } from './errno.ts';
import { bind, close, recv, sendTo, setSocketOption, setSocketOptionInt, socket } from './libc.ts';
import {
  decodeMessages,
  decodeOutcome,
  encodeRequest,
  type NetlinkAttribute,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from './netlink-message.ts';
import { AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET, sockaddrNetlink } from './sockaddr.ts';

const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const SO_RCVTIMEO = 20;
const REPLY_DEADLINE_S = 2;
const DUMP_ATTEMPTS_MAX = 4;
// The kernel never builds a dump datagram above 32 KiB.
const RECEIVE_BYTES = 64 * 1024;

export interface NetlinkSocket {
  /** Sends one request and waits for the kernel's verdict: it is given before the call returns to user space. */
  request(type: number, flags: number, body: Uint8Array, attributes: readonly NetlinkAttribute[]): NetlinkVerdict;
  /** Asks for one row, which the kernel sends before its verdict. The payload is a copy. */
  get(type: number, body: Uint8Array, attributes: readonly NetlinkAttribute[]): SystemResult<NetlinkMessage>;
  /** Reads a whole table, or what the attributes choose. The messages' payloads are copies. */
  dump(type: number, body: Uint8Array, attributes?: readonly NetlinkAttribute[]): SystemResult<NetlinkMessage[]>;
  close(): void;
}

/** `reason` is the kernel's own sentence, where it gave one. */
export type NetlinkVerdict = { ok: true } | (SystemError & { reason: string | undefined });

/** Opens a netlink socket for requests; it hears no multicast, so nothing but answers ever arrives on it. */
export function openNetlink(protocol: number): SystemResult<NetlinkSocket> {
  const opened = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (!opened.ok) return opened;
  const fd = opened.value;
  const bound = bind(fd, sockaddrNetlink());
  if (!bound.ok) {
    close(fd);
    return bound;
  }
  // Comforts of newer kernels: without them the answers are longer or say less, but are the same answers.
  for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
    setSocketOptionInt(fd, SOL_NETLINK, option, 1);
  }
  // A lost answer must become an error, not a daemon that waits for ever.
  const timeval = new Uint8Array(16);
  timeval[0] = REPLY_DEADLINE_S;
  const deadline = setSocketOption(fd, SOL_SOCKET, SO_RCVTIMEO, timeval);
  if (!deadline.ok) {
    close(fd);
    return deadline;
  }
  return { ok: true, value: netlinkSocket(fd) };
}

function netlinkSocket(fd: number): NetlinkSocket {
  const kernel = sockaddrNetlink();
  const buffer = new Uint8Array(RECEIVE_BYTES);
  let sequence = 0;

  function send(
    type: number,
    flags: number,
    body: Uint8Array,
    attributes: readonly NetlinkAttribute[],
  ): SystemResult<number> {
    sequence = (sequence + 1) >>> 0;
    return sendTo(fd, encodeRequest({ type, flags, sequence, body, attributes }), kernel);
  }

  /** The next datagram's messages that answer the last request; late answers to earlier ones are dropped. */
  function receive(): SystemResult<NetlinkMessage[]> {
    for (;;) {
      const received = recv(fd, buffer);
      if (!received.ok) {
        if (received.code === 'EINTR') continue;
        return received;
      }
      const answers = decodeMessages(buffer.subarray(0, received.value)).filter((m) => m.sequence === sequence);
      if (answers.length > 0) return { ok: true, value: answers };
    }
  }

  function dumpOnce(
    type: number,
    body: Uint8Array,
    attributes: readonly NetlinkAttribute[],
  ): SystemResult<NetlinkMessage[] | 'interrupted'> {
    const sent = send(type, NLM_F_REQUEST | NLM_F_DUMP, body, attributes);
    if (!sent.ok) return sent;
    const rows: NetlinkMessage[] = [];
    let interrupted = false;
    for (;;) {
      const received = receive();
      if (!received.ok) return received;
      for (const message of received.value) {
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          const { errno } = decodeOutcome(message);
          if (errno !== 0) return systemError('netlink dump', errno);
          return { ok: true, value: interrupted ? 'interrupted' : rows };
        }
        rows.push({ ...message, payload: message.payload.slice() });
      }
    }
  }

  return {
    request(type, flags, body, attributes) {
      const sent = send(type, flags | NLM_F_REQUEST | NLM_F_ACK, body, attributes);
      if (!sent.ok) return { ...sent, reason: undefined };
      for (;;) {
        const received = receive();
        if (!received.ok) return { ...received, reason: undefined };
        const verdict = received.value.find((message) => message.type === NLMSG_ERROR);
        if (verdict === undefined) continue;
        const { errno, text } = decodeOutcome(verdict);
        return errno === 0 ? { ok: true } : { ...systemError('netlink', errno, text), reason: text };
      }
    },
    get(type, body, attributes) {
      const sent = send(type, NLM_F_REQUEST | NLM_F_ACK, body, attributes);
      if (!sent.ok) return sent;
      let row: NetlinkMessage | undefined;
      for (;;) {
        const received = receive();
        if (!received.ok) return received;
        for (const message of received.value) {
          if (message.type !== NLMSG_ERROR) {
            row = { ...message, payload: message.payload.slice() };
            continue;
          }
          const { errno, text } = decodeOutcome(message);
          if (errno !== 0) return systemError('netlink', errno, text);
          return row === undefined ? systemError('netlink', constants.errno.ENODATA) : { ok: true, value: row };
        }
      }
    },
    dump(type, body, attributes = []) {
      // The table changed while the kernel was reading it out: rows may be missing or double.
      for (let attempt = 0; attempt < DUMP_ATTEMPTS_MAX; attempt += 1) {
        const rows = dumpOnce(type, body, attributes);
        if (!rows.ok) return rows;
        if (rows.value !== 'interrupted') return { ok: true, value: rows.value };
      }
      return systemError(
        'netlink dump',
        constants.errno.EAGAIN,
        `the table changed during each of ${DUMP_ATTEMPTS_MAX} attempts`,
      );
    },
    close() {
      close(fd);
    },
  };
}
