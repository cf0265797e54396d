import { expect, it } from 'vitest';
import { OwnershipBoard } from '../../../agent/ownership/index.ts';

it('tells another thread which ballot owns, until the lease ends', () => {
  const engine = new OwnershipBoard(2);
  const thread = new OwnershipBoard(engine.buffer);
  expect(thread.ownership(1, 0)).toBeUndefined();
  engine.owns(2, 5, 1_000);
  expect(thread.ownership(1, 0)).toBeUndefined();
  expect(thread.ownership(2, 999)).toEqual({ counter: 5 });
  expect(thread.ownership(2, 1_000)).toBeUndefined();
  engine.owns(2, 5, 2_000.7);
  expect(thread.ownership(2, 1_999)).toEqual({ counter: 5 });
  expect(thread.ownership(2, 2_000.1)).toBeUndefined();
  engine.owns(2, 6, Number.POSITIVE_INFINITY);
  expect(thread.ownership(2, 1e15)).toEqual({ counter: 6 });
  engine.ends(2);
  expect(thread.ownership(2, 0)).toBeUndefined();
});

it('holds the highest ballot there is', () => {
  const board = new OwnershipBoard(1);
  board.owns(1, Number.MAX_SAFE_INTEGER, 10);
  expect(board.ownership(1, 1)).toEqual({ counter: Number.MAX_SAFE_INTEGER });
});
