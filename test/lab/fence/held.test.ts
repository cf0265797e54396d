import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FenceOptions } from '../../../agent/kernel/fence/index.ts';
import type { Command } from './holder.ts';
import { type Holder, Namespaces, VIRTUAL_ADDRESS } from './namespaces.ts';

/** Virtual routers in mode `vrrp`, which one lease packet holds open together. */
const HELD_MS = 200;
const FIRST = 300;
const COUNT = 32;
const LEASED = 1;

const ids = Array.from({ length: COUNT }, (_, index) => FIRST + index);
const options: FenceOptions = {
  groups: [
    { id: LEASED, addresses: ['10.77.0.90'], virtualRouters: [], gatewayInterfaces: [], intervalUs: 100_000 },
    ...ids.map((id, index) => ({
      id,
      addresses: index === COUNT - 1 ? [VIRTUAL_ADDRESS] : [`10.77.2.${index + 1}`],
      virtualRouters: [{ interface: 'eth0', family: 'ipv4', virtualRouterId: index + 1 } as const],
      gatewayInterfaces: [],
      intervalUs: 100_000,
      heldMs: HELD_MS,
    })),
  ],
  interfaces: ['eth0'],
  sideband: [],
};
/** The group of the address that the client asks. Its number is in the last slot. */
const ASKED = FIRST + COUNT - 1;

let namespaces: Namespaces;
let holder: Holder;

const open = (group: number): Command => ({ do: 'open', group, leaseMs: 60_000 });
const sleep = (ms: number): Command => ({ do: 'sleep', ms });
const refreshHeld = (groups: number[], withinMs = 20): Command => ({ do: 'refreshHeld', groups, withinMs });

beforeAll(async () => {
  namespaces = await Namespaces.create('g');
  holder = namespaces.start();
  expect(await holder.ask({ do: 'install', options })).toMatchObject({ ok: true });
});
afterAll(() => namespaces.remove());
beforeEach(async () => {
  for (const group of ids) await holder.ask({ do: 'close', group });
});

describe('one lease packet for many virtual routers', () => {
  it('holds all of them open for as long again, the last like the first', async () => {
    await holder.askAll(ids.map(open));
    const rounds = Array.from({ length: 4 }, () => [sleep(HELD_MS / 2), refreshHeld(ids)]).flat();
    const answers = await holder.askAll(rounds);
    expect(answers.filter((answer) => typeof answer === 'string')).toEqual(Array(4).fill('confirmed'));
    expect(await namespaces.answersEcho()).toBe(true);
  });

  it('lets them close by themselves when none follows', async () => {
    await holder.askAll([open(ASKED), sleep(HELD_MS / 2), refreshHeld([ASKED]), sleep(HELD_MS + 40)]);
    expect(await namespaces.answersEcho()).toBe(false);
  });

  it('does not open what has expired, and is not confirmed then', async () => {
    const [, , answer] = await holder.askAll([open(FIRST), open(ASKED), sleep(HELD_MS + 40)]);
    expect(answer).toEqual({});
    expect(await holder.askAll([open(FIRST), refreshHeld([FIRST, ASKED])])).toMatchObject([
      { confirmed: true },
      'refused',
    ]);
    expect(await namespaces.answersEcho()).toBe(false);
  });

  it('does not open what is closed, and opens it again when told to', async () => {
    const acts: Command[] = [open(ASKED), { do: 'close', group: ASKED }, refreshHeld([ASKED])];
    expect((await holder.askAll(acts)).at(-1)).toBe('refused');
    expect(await namespaces.answersEcho()).toBe(false);
    expect((await holder.askAll([open(ASKED), refreshHeld([ASKED])])).at(-1)).toBe('confirmed');
  });

  it('changes nothing when it is late', async () => {
    const acts = [open(ASKED), sleep(HELD_MS / 2), refreshHeld([ASKED], -1), sleep(HELD_MS / 2 + 40)];
    expect((await holder.askAll(acts))[2]).toBe('late');
    expect(await namespaces.answersEcho()).toBe(false);
  });
});
