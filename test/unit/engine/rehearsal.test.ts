import { expect, test } from 'vitest';
import { rehearseTakeovers } from '../../../agent/engine/rehearsal.ts';
import { openRtnetlink } from '../../../agent/kernel/index.ts';

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
  expect(rehearseTakeovers(5, fence, rtnetlink)).toBe(5);
  expect(rehearsed).toBe(5);
  expect(rtnetlink.addresses()).toEqual(before);
  rtnetlink.close();
});
