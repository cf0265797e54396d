/** Classic BPF (bpf(4)): programs as arrays of `struct sock_filter`. Pure: no socket, no system call. */

export const LOAD_WORD = 0x20;
export const LOAD_HALF = 0x28;
export const LOAD_BYTE = 0x30;
/** The packet's length. */
export const LOAD_LENGTH = 0x80;
/** From the operand, counted from what was kept. */
export const LOAD_BYTE_FROM_KEPT = 0x50;
export const JUMP_IF_EQUAL = 0x15;
export const JUMP_IF_AT_LEAST = 0x35;
/** Compares with what `KEEP` has kept; its operand is not looked at. */
export const JUMP_IF_EQUAL_TO_KEPT = 0x1d;
/** Keeps what was loaded (TAX). */
export const KEEP = 0x07;
/** Keeps four times the low half of the byte at the operand: the length of an IPv4 header that begins there. */
export const KEEP_IPV4_HEADER_LENGTH = 0xb1;
/** Unsigned, as all of them. */
export const SUBTRACT_KEPT = 0x1c;
export const RETURN = 0x06;
/** The operand of a RETURN that lets the packet through; 0 drops it. */
export const WHOLE_PACKET = 0x40000;

/** Jumps count the instructions that they skip. Loads read in network order. */
export type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

export function encodeProgram(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, [code, ifTrue, ifFalse, operand]] of program.entries()) {
    view.setUint16(8 * index, code, true);
    view.setUint8(8 * index + 2, ifTrue);
    view.setUint8(8 * index + 3, ifFalse);
    view.setUint32(8 * index + 4, operand, true);
  }
  return bytes;
}
