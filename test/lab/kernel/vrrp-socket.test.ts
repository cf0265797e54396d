import { advertisementV2, advertisementV3, encodeAdvertisement, parseAddress } from '@tiebreak/shared/vrrp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Child, createPair, inNamespace, ip, type Pair, startCapture, startChild } from './network.ts';

let pair: Pair;
let sender: Child;
let receiver: Child;

beforeAll(async () => {
  pair = await createPair();
  // A second address of the sender's: the kernel itself would never choose it as source.
  ip(pair.a, 'addr', 'add', '10.77.0.11/24', 'dev', 'eth0');
  ip(pair.a, 'addr', 'add', 'fe80::aa/64', 'dev', 'eth0', 'nodad');
}, 30_000);
afterAll(() => pair.remove());
beforeEach(() => {
  sender = startChild(pair.a);
  receiver = startChild(pair.b);
});
afterEach(async () => {
  await sender.stop();
  await receiver.stop();
});

function address(text: string): Uint8Array {
  const bytes = parseAddress(text);
  if (bytes === undefined) throw new Error(`not an address: ${text}`);
  return bytes;
}

type Case = {
  name: string;
  version: 2 | 3;
  family: 'ipv4' | 'ipv6';
  source: string;
  receiverSource: string;
  destination: string;
  unicast: boolean;
};

function message({ version, family, source, destination }: Case): string {
  const envelope = {
    source: address(source),
    destination: address(destination),
    checksumForm: 'pseudo-header',
  } as const;
  const common = { virtualRouterId: 33, priority: 200 };
  const addresses = family === 'ipv4' ? ['10.77.0.100'] : ['fe80::100', 'fd77::100'];
  const advertisement =
    version === 2
      ? advertisementV2({ ...common, intervalS: 1, addresses: addresses.map(address) })
      : advertisementV3({ ...common, family, intervalCs: 25, addresses: addresses.map(address) });
  return Buffer.from(encodeAdvertisement(advertisement, envelope)).toString('hex');
}

const v4 = {
  version: 3,
  family: 'ipv4',
  source: '10.77.0.11',
  receiverSource: '10.77.0.2',
  destination: '224.0.0.18',
} as const;
const v6 = {
  version: 3,
  family: 'ipv6',
  source: 'fe80::aa',
  receiverSource: 'fe80::b',
  destination: 'ff02::12',
} as const;
const multicast4: Case = { ...v4, name: 'version 3, IPv4, multicast', unicast: false };
const multicast6: Case = { ...v6, name: 'version 3, IPv6, multicast', unicast: false };
const unicast4: Case = { ...v4, name: 'version 3, IPv4, unicast', unicast: true, destination: '10.77.0.2' };
const cases: Case[] = [
  multicast4,
  { ...multicast4, name: 'version 2, IPv4, multicast', version: 2 },
  unicast4,
  { ...unicast4, name: 'version 2, IPv4, unicast', version: 2 },
  multicast6,
  { ...v6, name: 'version 3, IPv6, unicast', unicast: true, destination: 'fe80::b' },
];

async function openBoth(example: Case): Promise<void> {
  const { family, unicast } = example;
  const towards = (peer: string) => (unicast ? { peers: [peer] } : {});
  expect(await sender.ask('openVrrp', { family, source: example.source, ...towards(example.destination) })).toEqual({
    ok: true,
  });
  expect(
    await receiver.ask('openVrrp', { family, source: example.receiverSource, ...towards(example.source) }),
  ).toEqual({ ok: true });
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 50));

describe.each(cases)('$name', (example) => {
  it('leaves with hop limit 255, CS6, the configured source and a good checksum', async () => {
    const wire = await startCapture(pair.b);
    await openBoth(example);
    await sender.ask('sendVrrp', { message: message(example) });
    const ipv4 = ['ip.src', 'ip.dst', 'ip.ttl', 'ip.dsfield.dscp', 'ip.checksum.status', 'vrrp.ip_addr'];
    const ipv6 = ['ipv6.src', 'ipv6.dst', 'ipv6.hlim', 'ipv6.tclass.dscp', 'ipv6.nxt', 'vrrp.ipv6_addr'];
    const fields = ['vrrp.version', 'vrrp.virt_rtr_id', 'vrrp.prio', 'vrrp.checksum.status', '_ws.malformed'];
    const preferences = ['ip.check_checksum:TRUE'];
    const rows = await wire.decode('vrrp', [...(example.family === 'ipv4' ? ipv4 : ipv6), ...fields], preferences);
    const check = example.family === 'ipv4' ? '1' : '112';
    const addresses = example.family === 'ipv4' ? '10.77.0.100' : 'fe80::100,fd77::100';
    expect(rows).toEqual([
      [example.source, example.destination, '255', '48', check, addresses, `${example.version}`, '33', '200', '1', ''],
    ]);
  });

  it('arrives without the IP header, with source, destination and what is known of the hop limit', async () => {
    await openBoth(example);
    await sender.ask('sendVrrp', { message: message(example) });
    await settle();
    expect(await receiver.ask('received')).toMatchObject({
      received: [
        {
          message: message(example),
          source: example.source,
          destination: example.destination,
          ...(example.family === 'ipv4' ? { hopLimit: 255 } : {}),
        },
      ],
      errors: [],
    });
  });

  it('what is queued still leaves when the socket is closed straight after (the release must get out)', async () => {
    await openBoth(example);
    await sender.ask('sendVrrp', { message: message(example), close: true });
    await settle();
    expect(await receiver.ask('received')).toMatchObject({ received: [{ source: example.source }] });
  });
});

describe('membership', () => {
  it('multicast mode joins 224.0.0.18 and ff02::12 on the interface, and leaves with close', async () => {
    const joined = () => inNamespace(pair.b, 'ip', 'maddr', 'show', 'dev', 'eth0');
    await openBoth(multicast4);
    expect(inNamespace(pair.b, 'cat', '/proc/net/igmp')).toContain('120000E0');
    await receiver.ask('closeVrrp');
    expect(joined()).not.toContain('224.0.0.18');
    await receiver.ask('openVrrp', { family: 'ipv6', source: multicast6.receiverSource });
    expect(joined()).toContain('ff02::12');
    await receiver.ask('closeVrrp');
    expect(joined()).not.toContain('ff02::12');
  });

  it('unicast mode joins nothing, and does not hear the group though another socket of the host has joined it', async () => {
    await sender.ask('openVrrp', { family: 'ipv4', source: multicast4.source });
    await receiver.ask('openVrrp', { family: 'ipv4', source: '10.77.0.2', peers: ['10.77.0.11'] });
    expect(inNamespace(pair.b, 'cat', '/proc/net/igmp')).not.toContain('120000E0');
    const member = startChild(pair.b);
    await member.ask('openVrrp', { family: 'ipv4', source: '10.77.0.2' });
    await sender.ask('sendVrrp', { message: message(multicast4) });
    await settle();
    expect(await member.ask('received')).toMatchObject({ received: [{ source: multicast4.source }] });
    expect(await receiver.ask('received')).toMatchObject({ received: [] });
    await member.stop();
  });
});

describe('what does not reach the engine', () => {
  it.each([multicast4, multicast6])('$name: our own message is not looped back', async (example) => {
    const neighbour = startChild(pair.a);
    await sender.ask('openVrrp', { family: example.family, source: example.source });
    await neighbour.ask('openVrrp', { family: example.family, source: example.receiverSource });
    await sender.ask('sendVrrp', { message: message(example) });
    await settle();
    expect(await sender.ask('received')).toMatchObject({ received: [], counters: { received: 0 } });
    expect(await neighbour.ask('received')).toMatchObject({ received: [] });
    await neighbour.stop();
  });

  it('a message from our own source address, sent by somebody else, is counted and dropped', async () => {
    await openBoth({ ...multicast4, receiverSource: multicast4.source });
    await sender.ask('sendVrrp', { message: message(multicast4) });
    await settle();
    expect(await receiver.ask('received')).toMatchObject({ received: [], counters: { received: 1, own: 1 } });
  });

  it.each([multicast4, multicast6])('$name: another virtual router is not even counted', async (example) => {
    await sender.ask('openVrrp', { family: example.family, source: example.source });
    await receiver.ask('openVrrp', { family: example.family, source: example.receiverSource, virtualRouterId: 34 });
    await sender.ask('sendVrrp', { message: message(example) });
    await settle();
    expect(await receiver.ask('received')).toMatchObject({ received: [], counters: { received: 0 } });
  });

  it('a message on another interface is not heard', async () => {
    await sender.ask('openVrrp', { family: 'ipv4', source: multicast4.source });
    ip(pair.b, 'link', 'add', 'other', 'type', 'veth', 'peer', 'name', 'nobody');
    ip(pair.b, 'link', 'set', 'other', 'up');
    ip(pair.b, 'link', 'set', 'nobody', 'up');
    ip(pair.b, 'addr', 'add', '10.78.0.2/24', 'dev', 'other');
    const index = Number(ip(pair.b, '-o', 'link', 'show', 'other').split(':')[0]);
    const other = { interface: 'other', interfaceIndex: index };
    expect(await receiver.ask('openVrrp', { family: 'ipv4', source: '10.78.0.2', ...other })).toEqual({ ok: true });
    await sender.ask('sendVrrp', { message: message(multicast4) });
    await settle();
    expect(await receiver.ask('received')).toMatchObject({ received: [] });
    ip(pair.b, 'link', 'del', 'other');
  });
});

describe('what is said anew', () => {
  it.each([multicast4, multicast6])('$name: a release after an advertisement is a release', async (example) => {
    await openBoth(example);
    const said = message(example);
    const release = `${said.slice(0, 4)}00${said.slice(6)}`;
    for (const each of [said, said, release, said]) {
      await sender.ask('sendVrrp', { message: each });
      await settle();
    }
    const heard = [said, said, release, said].map((each) => ({ message: each, source: example.source }));
    expect(await receiver.ask('received')).toMatchObject({ received: heard });
  });
});

describe('after a pause', () => {
  it.each([multicast4, multicast6])('$name: all that waited is heard before any timer rings', async (example) => {
    await openBoth(example);
    const standing = receiver.ask('standStill', { ms: 300 });
    await settle();
    for (let count = 0; count < 40; count += 1) await sender.ask('sendVrrp', { message: message(example) });
    expect(await standing).toBe(40);
    const { received } = (await receiver.ask('received')) as { received: { source: string }[] };
    expect(new Set(received.map(({ source }) => source))).toEqual(new Set([example.source]));
  });
});

describe('failures', () => {
  it('without CAP_NET_RAW opening says what to do', async () => {
    await sender.ask('becomeNobody');
    expect(await sender.ask('openVrrp', { family: 'ipv4', source: '10.77.0.1' })).toMatchObject({
      ok: false,
      code: 'EPERM',
      call: 'socket',
      text: expect.stringMatching(/CAP_NET_RAW.*root/),
    });
  });

  it('an unknown interface is named', async () => {
    const unknown = { family: 'ipv4', source: '10.77.0.1', interface: 'eth9', interfaceIndex: 99 };
    expect(await sender.ask('openVrrp', unknown)).toMatchObject({
      ok: false,
      code: 'ENODEV',
      text: expect.stringContaining('eth9'),
    });
  });

  it('an interface that goes down is an error for each send, and the socket works again when it is up', async () => {
    await openBoth(multicast4);
    ip(pair.a, 'link', 'set', 'eth0', 'down');
    await sender.ask('sendVrrp', { message: message(multicast4) });
    await settle();
    expect(await sender.ask('received')).toMatchObject({ errors: [expect.stringContaining('sendto')] });
    ip(pair.a, 'link', 'set', 'eth0', 'up');
    await sender.ask('sendVrrp', { message: message(multicast4) });
    await settle();
    expect(await sender.ask('received')).toMatchObject({ errors: [] });
    expect(await receiver.ask('received')).toMatchObject({ received: [{ source: multicast4.source }] });
  });
});

describe('latency', () => {
  it('a message is on the wire within milliseconds of send, at the median in less than one', async () => {
    const wire = await startCapture(pair.b);
    await openBoth(multicast4);
    const sentAtUs = await sender.ask('timeVrrp', { message: message(multicast4), rounds: 200 });
    const rows = await wire.decode('vrrp', ['frame.time_epoch']);
    expect(rows).toHaveLength(200);
    if (!Array.isArray(sentAtUs)) throw new Error('no times');
    const delaysUs = rows
      .map(([seconds], index) => Number(seconds) * 1e6 - Number(sentAtUs[index]))
      .sort((left, right) => left - right);
    const at = (quantile: number) => delaysUs[Math.floor(quantile * (delaysUs.length - 1))] ?? Number.NaN;
    console.log(
      `send to wire: p50 ${at(0.5).toFixed(0)} us, p99 ${at(0.99).toFixed(0)} us, max ${at(1).toFixed(0)} us`,
    );
    expect(at(0.5)).toBeLessThan(1000);
  });
});
