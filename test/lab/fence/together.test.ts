import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FenceOptions } from '../../../agent/kernel/fence/index.ts';
import type { Command } from './holder.ts';
import { type Holder, Namespaces, run, VIRTUAL_ADDRESS } from './namespaces.ts';

/** Groups in mode `lease`, whose refreshes share lease packets: 40 of them are two packets. */
const FIRST = 300;
const COUNT = 40;
const LEASE_MS = 300;

const ids = Array.from({ length: COUNT }, (_, index) => FIRST + index);
const options: FenceOptions = {
  groups: ids.map((id, index) => ({
    id,
    addresses: index === COUNT - 1 ? [VIRTUAL_ADDRESS] : [`10.77.2.${index + 1}`],
    virtualRouters: [{ interface: 'eth0', family: 'ipv4', virtualRouterId: index + 1 } as const],
    gatewayInterfaces: [],
    intervalUs: 100_000,
  })),
  interfaces: ['eth0'],
  sideband: [],
};
/** The group of the address that the client asks, the last of all. */
const ASKED = FIRST + COUNT - 1;

let namespaces: Namespaces;
let holder: Holder;

const open = (group: number, leaseMs = LEASE_MS): Command => ({ do: 'open', group, leaseMs });
const sleep = (ms: number): Command => ({ do: 'sleep', ms });
const refresh = (groups: number[], leaseMs = LEASE_MS): Command => ({ do: 'refreshTogether', groups, leaseMs });

beforeAll(async () => {
  namespaces = await Namespaces.create('t');
  holder = namespaces.start();
  expect(await holder.ask({ do: 'install', options })).toMatchObject({ ok: true });
});
afterAll(() => namespaces.remove());
beforeEach(async () => {
  for (const group of ids) await holder.ask({ do: 'close', group });
});

describe('lease packets for many groups', () => {
  it('hold all of them open for as long again, the last like the first', async () => {
    const opened = await holder.askAll(ids.map((id) => open(id)));
    expect(opened.every((answer) => (answer as { confirmed: boolean }).confirmed)).toBe(true);
    const rounds = Array.from({ length: 4 }, () => [sleep(LEASE_MS / 2), refresh(ids)]).flat();
    const answers = (await holder.askAll(rounds)).filter((answer) => Array.isArray(answer));
    expect(answers).toEqual(Array(4).fill(ids));
    expect(await namespaces.answersEcho()).toBe(true);
  });

  it('let them close by themselves before the lease ends, when none follows', async () => {
    const acts = [open(FIRST), open(ASKED), sleep(LEASE_MS / 2), refresh([FIRST, ASKED]), sleep(LEASE_MS)];
    expect((await holder.askAll(acts))[3]).toEqual([FIRST, ASKED]);
    expect(await namespaces.answersEcho()).toBe(false);
  });

  it('are none for one group alone, or for leases that are about to end', async () => {
    const acts = [open(FIRST), open(ASKED), refresh([ASKED]), refresh([FIRST, ASKED], 30)];
    expect((await holder.askAll(acts)).slice(2)).toEqual([[], []]);
  });

  it('do not open what has expired: only the others are refreshed', async () => {
    const acts = [open(ASKED), sleep(LEASE_MS + 40), open(FIRST), open(FIRST + 1), refresh([FIRST, FIRST + 1, ASKED])];
    expect((await holder.askAll(acts)).at(-1)).toEqual([FIRST, FIRST + 1]);
    expect(await namespaces.answersEcho()).toBe(false);
  });

  it('do not open what is closed, and refresh it again once it is open', async () => {
    const others = [open(FIRST), open(FIRST + 1)];
    const acts: Command[] = [...others, open(ASKED), { do: 'close', group: ASKED }, refresh(ids)];
    expect((await holder.askAll(acts)).at(-1)).toEqual([FIRST, FIRST + 1]);
    expect(await namespaces.answersEcho()).toBe(false);
    expect((await holder.askAll([...others, open(ASKED), refresh(ids)])).at(-1)).toEqual([FIRST, FIRST + 1, ASKED]);
  });

  it.each(['netdev', 'inet'])(
    'are refused by the kernel itself when one has gone from the table of family %s',
    async (family) => {
      await holder.askAll([open(FIRST), open(ASKED), open(FIRST + 1)]);
      await run(namespaces.holder, 'nft', 'delete', 'element', family, 'tiebreak', 'alive', `{ ${ASKED} }`);
      expect(await holder.ask(refresh([FIRST, FIRST + 1, ASKED]))).toEqual([]);
      // The other table has it still, and lets it run out.
      await holder.ask(sleep(LEASE_MS));
      expect(await namespaces.answersEcho()).toBe(false);
    },
  );

  it('shorten a lease that has shrunk', async () => {
    const acts = [open(FIRST, 1500), open(ASKED, 1500), refresh([FIRST, ASKED], 200), sleep(220)];
    expect((await holder.askAll(acts))[2]).toEqual([FIRST, ASKED]);
    expect(await namespaces.answersEcho()).toBe(false);
  });

  it('go on as before when a group has come by a reload, and one has gone', async () => {
    const [, ...rest] = options.groups;
    const more = { ...options.groups[0], id: 900, addresses: ['10.77.2.200'], virtualRouters: [] };
    const groups = [...rest, { gatewayInterfaces: [], intervalUs: 100_000, ...more }];
    const acts: Command[] = [open(ASKED), { do: 'change', options: { ...options, groups } }, open(900)];
    expect((await holder.askAll([...acts, refresh([ASKED, 900])])).at(-1)).toEqual([ASKED, 900]);
    expect(await holder.askAll([{ do: 'change', options: { ...options, groups: rest.slice(-2) } }])).toMatchObject([
      { ok: false },
    ]);
    const fewer: Command[] = [
      { do: 'close', group: 900 },
      { do: 'change', options: { ...options, groups: rest.slice(-2) } },
      open(ASKED - 1),
      refresh([ASKED - 1, ASKED]),
    ];
    expect((await holder.askAll(fewer)).slice(1)).toMatchObject([
      { ok: true },
      { confirmed: true },
      [ASKED - 1, ASKED],
    ]);
    expect(await namespaces.answersEcho()).toBe(true);
    await holder.ask({ do: 'change', options });
  });
});
