import { expect, test } from 'vitest';
import { rehearseLeaseTakeovers, rehearsePlainTakeovers } from '../../../agent/engine/rehearsal/index.ts';
import { openRtnetlink } from '../../../agent/kernel/index.ts';
import { recordedLog } from './recorded-log.ts';

const REHEARSALS = [
  // The first owner opened the fence too.
  { mode: 'lease', rehearse: rehearseLeaseTakeovers, opened: 6 },
  { mode: 'vrrp', rehearse: rehearsePlainTakeovers, opened: 5 },
] as const;

test.each(REHEARSALS)(
  'in mode "$mode" every rehearsal takes the group over, and changes nothing in the kernel',
  ({ rehearse, opened: expected }) => {
    const opened = openRtnetlink();
    if (!opened.ok) throw new Error(opened.text);
    const rtnetlink = opened.value;
    const before = rtnetlink.addresses();
    let rehearsed = 0;
    const fence = {
      rehearse: () => {
        rehearsed += 1;
      },
    };
    const { log, lines } = recordedLog();
    expect(rehearse(5, { fence, rtnetlink }, log)).toBe(5);
    expect(rehearsed).toBe(expected);
    expect(lines()).toEqual([]);
    expect(rtnetlink.addresses()).toEqual(before);
    rtnetlink.close();
  },
);
