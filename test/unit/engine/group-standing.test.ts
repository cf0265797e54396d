import { describe, expect, it } from 'vitest';
import { GroupStanding, NO_BALLOT, type Standing } from '../../../agent/engine/group-standing.ts';
import type { GroupChange } from '../../../agent/notify/index.ts';
import { OwnershipBoard } from '../../../agent/ownership/index.ts';
import { configOf, PLAIN } from '../config/example.ts';

function watched() {
  const [config] = configOf(PLAIN).groups;
  if (config === undefined) throw new Error('the example has a group');
  const board = new OwnershipBoard(1);
  const changes: GroupChange[] = [];
  let number = 0;
  const nextId = (): string => {
    number += 1;
    return `a-${number}`;
  };
  const onChange = (change: GroupChange): number => changes.push(change);
  const clock = { us: 0 };
  const nowUs = (): number => clock.us;
  return { standing: new GroupStanding({ config, node: 'a', board, nowUs, nextId, onChange }), board, changes, clock };
}

const BACKUP: Standing = { state: 'backup', cause: 'started', ballot: NO_BALLOT, priority: 100, ownership: undefined };
const ACTIVE: Standing = {
  state: 'active',
  cause: 'down_timer',
  ballot: { counter: 4, node: 'a' },
  priority: 100,
  ownership: { counter: 4, untilUs: 500 },
};

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('the world outside', () => {
  it('is told of each state once, after what the group is in the middle of', async () => {
    const { standing, changes } = watched();
    standing.note(BACKUP);
    standing.note(BACKUP);
    standing.note(ACTIVE);
    expect(changes).toEqual([]);
    await turn();
    standing.note({ ...ACTIVE, cause: 'other', ownership: { counter: 5, untilUs: 900 } });
    await turn();
    expect(changes.map(({ id, state, previous, cause }) => [id, state, previous, cause])).toEqual([
      ['a-1', 'backup', null, 'started'],
      ['a-2', 'active', 'backup', 'down_timer'],
    ]);
    expect(changes[1]).toMatchObject({
      group: 'edge',
      node: 'a',
      ballot: { counter: 4, node: 'a' },
      virtualRouters: 1,
      addresses: ['192.0.2.100/24'],
    });
  });

  it('finds an owner from the same moment on, and none while the group is given up', async () => {
    const { standing, board } = watched();
    standing.note(BACKUP);
    expect(board.ownership(1, 0)).toBeUndefined();
    standing.note(ACTIVE);
    expect(board.ownership(1, 499)).toEqual({ counter: 4 });
    expect(board.ownership(1, 500)).toBeUndefined();
    standing.note(undefined);
    expect(board.ownership(1, 0)).toBeUndefined();
  });

  it('is told once more of an owner that nobody could act for meanwhile: whoever tried has dropped it', async () => {
    const { standing, changes, clock } = watched();
    standing.note(BACKUP);
    standing.note(ACTIVE);
    await turn();
    // The process stood still until the entry had ended; what it still believes is no ownership.
    clock.us = 600;
    standing.note(ACTIVE);
    await turn();
    expect(changes.map(({ state }) => state)).toEqual(['backup', 'active']);
    standing.note({ ...ACTIVE, ownership: { counter: 4, untilUs: 900 } });
    standing.note({ ...ACTIVE, ownership: { counter: 4, untilUs: 950 } });
    await turn();
    expect(changes.slice(2)).toMatchObject([{ id: 'a-3', state: 'active', previous: 'active', cause: 'stood_still' }]);
    standing.note(undefined);
    standing.note({ ...ACTIVE, ownership: { counter: 4, untilUs: 990 } });
    await turn();
    expect(changes.slice(3)).toMatchObject([{ state: 'active', previous: 'active', cause: 'stood_still' }]);
  });

  it('is told again of an owner that has won a conflict, and of nobody else', async () => {
    const { standing, changes } = watched();
    standing.note(BACKUP);
    standing.again({ ...ACTIVE, cause: 'conflict_healed' });
    await turn();
    expect(changes.map(({ state }) => state)).toEqual(['backup']);
    standing.note(ACTIVE);
    standing.again({ ...ACTIVE, cause: 'conflict_healed' });
    await turn();
    expect(changes.slice(1)).toMatchObject([
      { state: 'active', previous: 'backup', cause: 'down_timer' },
      { state: 'active', previous: 'active', cause: 'conflict_healed', ballot: { counter: 4, node: 'a' } },
    ]);
  });
});
