import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FenceOptions } from '../../../agent/kernel/fence/index.ts';
import type { Command } from './holder.ts';
import { type Holder, Namespaces, run, VIRTUAL_ADDRESS } from './namespaces.ts';

const SECRET = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';
const WRONG_SECRET = 'a1b2c3d4e5f60718293a4b5c6d7e8f91';
const GROUP = 33;
const HELD = 34;
const OTHER_HELD = 35;
const SENTINEL_MS = 12;
// 200 ms, and one that nobody waits for.
const STEP = 50;
const WAIT_MS = 12;
const TOOK_EFFECT = { returned: true };
const REFUSED = expect.objectContaining({ returned: false });

let namespaces: Namespaces;
let holder: Holder;
let nonce = 1;

const options: FenceOptions = {
  groups: [
    {
      id: GROUP,
      addresses: [VIRTUAL_ADDRESS],
      virtualRouters: [{ interface: 'eth0', family: 'ipv4', virtualRouterId: 33 }],
      gatewayInterfaces: [],
      intervalUs: 50_000,
    },
    ...[HELD, OTHER_HELD].map((id, index) => ({
      id,
      addresses: [`10.77.2.${index + 1}`],
      virtualRouters: [],
      gatewayInterfaces: [],
      intervalUs: 50_000,
      heldMs: 200,
    })),
  ],
  interfaces: ['eth0'],
  sideband: [],
};

type Act = Extract<Command, { do: 'perform' }>['act'];

function perform(act: Act, named: number, secret = SECRET, group = GROUP): Command {
  return { do: 'perform', secret, nonce: named, group, act, waitMs: WAIT_MS };
}

const arm = (named: number) => perform({ kind: 'arm' }, named);
const open = (named: number, step = STEP) => perform({ kind: 'open', step }, named);
const refresh = (named: number, step = STEP) => perform({ kind: 'refresh', step }, named);
const close = (named: number) => perform({ kind: 'close' }, named);
const sleep = (ms: number): Command => ({ do: 'sleep', ms });

async function acts(...commands: Command[]): Promise<unknown> {
  return (await holder.askAll(commands)).at(-1);
}

async function openGroup(): Promise<void> {
  nonce += 1;
  expect(await holder.askAll([arm(nonce), open(nonce)])).toEqual([TOOK_EFFECT, TOOK_EFFECT]);
  nonce += 1;
}

beforeAll(async () => {
  namespaces = await Namespaces.create('p');
  holder = namespaces.start();
  expect(await holder.ask({ do: 'installParts', options, secret: SECRET })).toEqual({ ok: true });
});

afterAll(() => namespaces.remove());

beforeEach(async () => {
  nonce += 1;
  await holder.ask(close(nonce));
  nonce += 1;
});

describe('a lease packet', () => {
  it('opens after ARM, refreshes after another ARM, and closes', async () => {
    await openGroup();
    expect(await namespaces.answersEcho()).toBe(true);
    await openGroup();
    expect(await acts(arm(nonce), refresh(nonce))).toEqual(TOOK_EFFECT);
    expect(await acts(close(nonce + 1))).toEqual(TOOK_EFFECT);
    expect(await namespaces.answersEcho()).toBe(false);
  });

  it('is refused without a sentinel', async () => {
    expect(await acts(open(nonce))).toEqual(REFUSED);
    await openGroup();
    expect(await acts(refresh(nonce))).toEqual(REFUSED);
  });

  it('is refused when it names another nonce than its ARM', async () => {
    await openGroup();
    expect(await acts(arm(nonce), refresh(nonce + 1))).toEqual(REFUSED);
  });

  it('is refused when it is replayed, because the first one used the sentinel up', async () => {
    await openGroup();
    expect(await holder.askAll([arm(nonce), refresh(nonce), refresh(nonce)])).toEqual([
      TOOK_EFFECT,
      TOOK_EFFECT,
      REFUSED,
    ]);
  });

  it('is refused when the process paused between the clock and the act for longer than the sentinel lives', async () => {
    await openGroup();
    expect(await acts(arm(nonce), sleep(SENTINEL_MS + 4), refresh(nonce))).toEqual(REFUSED);
    expect(await acts(arm(nonce + 1), sleep(SENTINEL_MS + 4), open(nonce + 1))).toEqual(REFUSED);
  });

  it('refreshes nothing that has expired', async () => {
    nonce += 1;
    expect(await acts(arm(nonce), open(nonce, 5), sleep(24), arm(nonce + 1), refresh(nonce + 1))).toEqual(REFUSED);
    expect(await namespaces.answersEcho()).toBe(false);
  });

  it('refreshes nothing after CLOSE', async () => {
    await openGroup();
    expect(await acts(arm(nonce), close(nonce + 1), refresh(nonce))).toEqual(REFUSED);
  });

  it('opens nothing after a CLOSE that names its sentinel', async () => {
    expect(await acts(arm(nonce), close(nonce), open(nonce))).toEqual(REFUSED);
  });

  it('is refused with a wrong secret', async () => {
    expect(await acts(perform({ kind: 'arm' }, nonce, WRONG_SECRET))).toEqual(REFUSED);
    await openGroup();
    expect(await acts(perform({ kind: 'close' }, nonce, WRONG_SECRET))).toEqual(REFUSED);
    expect(await namespaces.answersEcho()).toBe(true);
  });

  it('is refused with a step or a group that the ruleset does not know', async () => {
    expect(await acts(arm(nonce), open(nonce, 33))).toEqual(REFUSED);
    const otherGroup = perform({ kind: 'open', step: STEP }, nonce + 1, SECRET, GROUP + 1);
    expect(await acts(arm(nonce + 1), otherGroup)).toEqual(REFUSED);
  });

  it('is refused when it is too short to hold all fields', async () => {
    const whole = `${SECRET}0000000100210000`;
    expect(await acts({ do: 'exchange', hex: whole, waitMs: WAIT_MS })).toEqual(TOOK_EFFECT);
    for (let bytes = 0; bytes < whole.length / 2; bytes += 1) {
      expect(await acts({ do: 'exchange', hex: whole.slice(0, bytes * 2), waitMs: WAIT_MS })).toEqual(REFUSED);
    }
  });

  it.each(['netdev', 'inet'])('is not confirmed when only the table of family %s is gone', async (family) => {
    await openGroup();
    await run(namespaces.holder, 'nft', 'delete', 'table', family, 'tiebreak');
    expect(await acts(arm(nonce))).toEqual(REFUSED);
    await holder.kill();
    holder = namespaces.start();
    expect(await holder.ask({ do: 'installParts', options, secret: SECRET })).toEqual({ ok: true });
  });

  it('is not taken from another user, who may know the secret', async () => {
    await holder.kill();
    const stranger = namespaces.start(namespaces.holder, ['setpriv', '--reuid', '65534', '--clear-groups', '--']);
    await stranger.ask({ do: 'openSocket' });
    const answer = await stranger.ask(arm(nonce));
    expect(answer).toEqual({ returned: false, text: expect.stringContaining('EPERM') });
    await stranger.kill();
    holder = namespaces.start();
    expect(await holder.ask({ do: 'installParts', options, secret: SECRET })).toEqual({ ok: true });
  });
});

describe('a lease packet for many held groups', () => {
  const armForMany = (named: number) => perform({ kind: 'arm' }, named, SECRET, 0);
  const refreshMany = (named: number, groupIds = [HELD, OTHER_HELD]) =>
    perform({ kind: 'refresh-held', groupIds }, named, SECRET, 0);
  const openHeld = (named: number, id: number) => [
    perform({ kind: 'arm' }, named, SECRET, id),
    perform({ kind: 'open', step: 1 }, named, SECRET, id),
  ];
  const closeHeld = (id: number) => perform({ kind: 'close' }, 1, SECRET, id);

  beforeEach(async () => {
    await holder.askAll([closeHeld(HELD), closeHeld(OTHER_HELD)]);
    await holder.askAll([...openHeld(nonce, HELD), ...openHeld(nonce, OTHER_HELD)]);
    nonce += 1;
  });

  it('takes effect once after ARM, and not with another nonce', async () => {
    expect(await acts(armForMany(nonce), refreshMany(nonce + 1))).toEqual(REFUSED);
    expect(await acts(armForMany(nonce), refreshMany(nonce))).toEqual(TOOK_EFFECT);
    expect(await acts(refreshMany(nonce))).toEqual(REFUSED);
  });

  it.each([HELD, OTHER_HELD])('is refused when group %i is closed', async (id) => {
    expect(await acts(closeHeld(id), armForMany(nonce), refreshMany(nonce))).toEqual(REFUSED);
  });

  it('is refused when a group has expired', async () => {
    expect(await acts(sleep(240), armForMany(nonce), refreshMany(nonce))).toEqual(REFUSED);
  });

  it('is refused when its sentinel was taken away, or has run out', async () => {
    const takeAway = perform({ kind: 'close' }, nonce, SECRET, 0);
    expect(await acts(armForMany(nonce), takeAway, refreshMany(nonce))).toEqual(REFUSED);
    expect(await acts(armForMany(nonce), sleep(SENTINEL_MS + 8), refreshMany(nonce))).toEqual(REFUSED);
  });

  it('refreshes only those that it names', async () => {
    const once = [sleep(120), armForMany(nonce), refreshMany(nonce, [HELD]), sleep(120)];
    await holder.askAll(once);
    expect(await acts(armForMany(nonce), refreshMany(nonce, [HELD]))).toEqual(TOOK_EFFECT);
    expect(await acts(armForMany(nonce), refreshMany(nonce, [OTHER_HELD]))).toEqual(REFUSED);
  });
});
