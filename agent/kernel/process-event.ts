import {
  encodeProgram,
  type Instruction,
  JUMP_IF_EQUAL,
  JUMP_IF_EQUAL_TO_KEPT,
  KEEP,
  LOAD_WORD,
  RETURN,
  WHOLE_PACKET,
} from './classic-bpf.ts';
import { encodeRequest, NLMSG_DONE } from './netlink-message.ts';

/**
 * The kernel's process event connector (linux/connector.h, linux/cn_proc.h): encoded and decoded. Pure: no socket, no system
 * call. A message is a netlink header, `struct cn_msg`, and `struct proc_event`.
 */

const CN_IDX_PROC = 1;
const CN_VAL_PROC = 1;
const CN_MSG_BYTES = 20;

/** The multicast group to bind to, as bits. */
export const PROCESS_EVENT_GROUP = 1 << (CN_IDX_PROC - 1);

// Offsets in a datagram.
const NETLINK_HEADER_BYTES = 16;
const WHAT = NETLINK_HEADER_BYTES + CN_MSG_BYTES;
const DATA = WHAT + 16;

const NONE = 0;
const FORK = 0x1;
const EXEC = 0x2;
const COMM = 0x200;
const EXIT = 0x8000_0000;

export type ProcessEvent =
  /** The kernel's answer to whoever begins to listen: errno, 0 for yes. */
  | { readonly kind: 'answered'; readonly errno: number }
  | { readonly kind: 'forked'; readonly parent: number; readonly child: number }
  /** It runs another program, or calls itself otherwise. */
  | { readonly kind: 'renamed'; readonly pid: number }
  | { readonly kind: 'exited'; readonly pid: number };

/** PROC_CN_MCAST_LISTEN or PROC_CN_MCAST_IGNORE. */
export function encodeListening(on: boolean): Uint8Array {
  const body = new Uint8Array(CN_MSG_BYTES + 4);
  const view = new DataView(body.buffer);
  view.setUint32(0, CN_IDX_PROC, true);
  view.setUint32(4, CN_VAL_PROC, true);
  view.setUint16(16, 4, true);
  view.setUint32(CN_MSG_BYTES, on ? 1 : 2, true);
  return encodeRequest({ type: NLMSG_DONE, flags: 0, sequence: 0, body, attributes: [] });
}

/** Lets through what tells of whole processes; threads come and go far more often. */
export function processEventFilter(): Uint8Array {
  const program: Instruction[] = [
    [LOAD_WORD, 0, 0, WHAT],
    [JUMP_IF_EQUAL, 14, 0, swapped(NONE)],
    [JUMP_IF_EQUAL, 8, 0, swapped(FORK)],
    [JUMP_IF_EQUAL, 12, 0, swapped(EXEC)],
    [JUMP_IF_EQUAL, 2, 0, swapped(COMM)],
    [JUMP_IF_EQUAL, 1, 0, swapped(EXIT)],
    [RETURN, 0, 0, 0],
    // COMM and EXIT begin with the thread and its process.
    [LOAD_WORD, 0, 0, DATA],
    [KEEP, 0, 0, 0],
    [LOAD_WORD, 0, 0, DATA + 4],
    [JUMP_IF_EQUAL_TO_KEPT, 5, 4, 0],
    // FORK has the child's after the parent's.
    [LOAD_WORD, 0, 0, DATA + 8],
    [KEEP, 0, 0, 0],
    [LOAD_WORD, 0, 0, DATA + 12],
    [JUMP_IF_EQUAL_TO_KEPT, 1, 0, 0],
    [RETURN, 0, 0, 0],
    [RETURN, 0, 0, WHOLE_PACKET],
  ];
  return encodeProgram(program);
}

/** The message has the host's order, a load the network's. */
function swapped(word: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, word, true);
  return view.getUint32(0);
}

/** Decodes one datagram; undefined for what tells of anything else, of a thread, or is cut short. */
export function decodeProcessEvent(datagram: Uint8Array): ProcessEvent | undefined {
  if (datagram.length < DATA + 8) return undefined;
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  if (view.getUint32(NETLINK_HEADER_BYTES, true) !== CN_IDX_PROC) return undefined;
  const word = (index: number): number => view.getUint32(DATA + 4 * index, true);
  switch (view.getUint32(WHAT, true)) {
    case NONE:
      return { kind: 'answered', errno: word(0) };
    case FORK:
      if (datagram.length < DATA + 16 || word(2) !== word(3)) return undefined;
      return { kind: 'forked', parent: word(1), child: word(3) };
    case EXEC:
    case COMM:
      return word(0) === word(1) ? { kind: 'renamed', pid: word(1) } : undefined;
    case EXIT:
      return word(0) === word(1) ? { kind: 'exited', pid: word(1) } : undefined;
    default:
      return undefined;
  }
}
