import { describe, expect, test } from 'vitest';
import { decodeProcessEvent, encodeListening, processEventFilter } from '../../../agent/kernel/process-event.ts';
import { runFilter } from './run-filter.ts';

// linux/cn_proc.h: a netlink header, struct cn_msg of 20 bytes, struct proc_event with its data at 16.
function message(what: number, ...words: number[]): Uint8Array {
  const bytes = new Uint8Array(16 + 20 + 40);
  const view = new DataView(bytes.buffer);
  view.setUint32(16, 1, true);
  view.setUint32(20, 1, true);
  view.setUint32(36, what, true);
  for (const [index, word] of words.entries()) view.setUint32(52 + 4 * index, word, true);
  return bytes;
}

const FORK = 1;
const EXEC = 2;
const SID = 0x80;
const COMM = 0x200;
const EXIT = 0x8000_0000;

describe('what tells of a process comes through and is understood', () => {
  test.each([
    ['the answer', message(0, 95), { kind: 'answered', errno: 95 }],
    ['a fork', message(FORK, 70_001, 70_000, 70_002, 70_002), { kind: 'forked', parent: 70_000, child: 70_002 }],
    ['a program that is run', message(EXEC, 7, 7), { kind: 'renamed', pid: 7 }],
    ['a new name', message(COMM, 7, 7), { kind: 'renamed', pid: 7 }],
    ['an end', message(EXIT, 7, 7, 0, 17), { kind: 'exited', pid: 7 }],
  ])('%s', (_, datagram, event) => {
    expect(runFilter(processEventFilter(), datagram)).toBeGreaterThanOrEqual(datagram.length);
    expect(decodeProcessEvent(datagram)).toEqual(event);
  });
});

describe('what tells of a thread, or of anything else, does not', () => {
  test.each([
    ['a thread begins', message(FORK, 7, 7, 8, 7)],
    ['a thread ends', message(EXIT, 8, 7)],
    ['a thread is renamed', message(COMM, 8, 7)],
    ['a session', message(SID, 7, 7)],
    ['a core dump', message(0x4000_0000, 7, 7)],
  ])('%s', (_, datagram) => {
    expect(runFilter(processEventFilter(), datagram)).toBe(0);
    expect(decodeProcessEvent(datagram)).toBeUndefined();
  });

  test('what is cut short', () => {
    expect(decodeProcessEvent(message(EXEC, 7, 7).subarray(0, 58))).toBeUndefined();
    expect(decodeProcessEvent(message(FORK, 7, 7, 8, 8).subarray(0, 64))).toBeUndefined();
    expect(runFilter(processEventFilter(), message(FORK).subarray(0, 30))).toBe(0);
  });
});

test('a request to listen has the operation after struct cn_msg', () => {
  const bytes = encodeListening(true);
  const view = new DataView(bytes.buffer);
  expect(bytes).toHaveLength(40);
  expect([view.getUint32(0, true), view.getUint16(4, true)]).toEqual([40, 3]);
  expect([view.getUint32(16, true), view.getUint32(20, true), view.getUint16(32, true)]).toEqual([1, 1, 4]);
  expect(view.getUint32(36, true)).toBe(1);
  expect(encodeListening(false)[36]).toBe(2);
});
