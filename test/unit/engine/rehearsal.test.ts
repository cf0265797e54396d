import { expect, test } from 'vitest';
import { rehearseTakeovers } from '../../../agent/engine/rehearsal.ts';
import { openRtnetlink } from '../../../agent/kernel/index.ts';
import { recordedLog } from './recorded-log.ts';

test('every rehearsal takes the group over and hands it on, and changes nothing in the kernel', () => {
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
  expect(rehearseTakeovers(5, { fence, rtnetlink }, log)).toBe(5);
  // The first owner opened it too.
  expect(rehearsed).toBe(6);
  expect(lines()).toEqual([]);
  expect(rtnetlink.addresses()).toEqual(before);
  rtnetlink.close();
});
