import { describe, expect, test } from 'vitest';
import { advertisementJudge } from '../../../agent/engine/heard-advertisement.ts';
import { passwordBytes, SIMPLE_TEXT_PASSWORD } from '../../../agent/engine/simple-password.ts';
import type { ReceivedMessage } from '../../../agent/kernel/index.ts';
import { advertisementV2, advertisementV3, encodeAdvertisement, parseAddress } from '../../../shared/vrrp/index.ts';

function address(text: string): Uint8Array {
  const bytes = parseAddress(text);
  if (bytes === undefined) throw new Error(`${text} is no address`);
  return bytes;
}

const PEER6 = address('fe80::12');
const GROUP6 = address('ff02::12');
const OUR_OTHER_ADDRESS6 = address('fd00::11');
const PEER4 = address('192.0.2.12');
const GROUP4 = address('224.0.0.18');

/** What a multicast router's IPv6 socket says of a message that went to `destination`: it cannot tell. */
function heardOverIpv6(virtualRouterId: number, destination: Uint8Array): ReceivedMessage {
  const advertisement = advertisementV3({
    ...{ family: 'ipv6', virtualRouterId, priority: 100, intervalCs: 25 },
    addresses: [address('fe80::100')],
  });
  const message = encodeAdvertisement(advertisement, { source: PEER6, destination, checksumForm: 'pseudo-header' });
  return { message, source: PEER6, destination: GROUP6, hopLimit: undefined };
}

const overIpv4 = { source: PEER4, destination: GROUP4, hopLimit: 255 };

function heardInVersion2(password: string | undefined): ReceivedMessage {
  const advertisement = advertisementV2({
    ...{ virtualRouterId: 33, priority: 100, intervalS: 1, addresses: [address('192.0.2.100')] },
    ...(password === undefined ? {} : { authType: SIMPLE_TEXT_PASSWORD, authData: passwordBytes(password) }),
  });
  return { ...overIpv4, message: encodeAdvertisement(advertisement, { ...overIpv4, checksumForm: 'message' }) };
}

const ROUTER6 = {
  family: 'ipv6',
  version: 3,
  virtualRouterId: 33,
  authPass: null,
  unicast: null,
  minTtl: 255,
} as const;
const ROUTER4 = {
  family: 'ipv4',
  version: 2,
  virtualRouterId: 33,
  authPass: 'swordfis',
  unicast: null,
  minTtl: 255,
} as const;

describe('over IPv6, where nobody can tell whither a message went', () => {
  const judge = advertisementJudge(ROUTER6, undefined);

  test('what another router of this host is sent by unicast is nothing to this one', () => {
    expect(judge(heardOverIpv6(34, OUR_OTHER_ADDRESS6))).toEqual({ kind: 'of another router' });
  });

  test('what is meant for this one is heard', () => {
    const judged = judge(heardOverIpv6(33, GROUP6));
    expect(judged).toMatchObject({ kind: 'heard', heard: { source: PEER6, advertisement: { virtualRouterId: 33 } } });
  });

  test('what bears its id and went elsewhere is refused', () => {
    expect(judge(heardOverIpv6(33, OUR_OTHER_ADDRESS6))).toMatchObject({ kind: 'refused', reason: 'bad-checksum' });
  });
});

describe('the id comes first, and says nothing good of the rest', () => {
  const judge = advertisementJudge(ROUTER4, undefined);
  const right = heardInVersion2('swordfis');

  test.each([
    ['a hop limit of 254', { ...right, hopLimit: 254 }, 'hop-limit-not-255'],
    ['one byte too few', { ...right, message: right.message.subarray(0, -1) }, 'shorter-than-address-count'],
    ['a checksum that is wrong', { ...right, message: right.message.with(2, 101) }, 'bad-checksum'],
  ] as const)('%s is refused of this router, and passed over of another', (_, received, reason) => {
    expect(judge(received)).toMatchObject({ kind: 'refused', reason });
    expect(judge({ ...received, message: received.message.with(1, 34) })).toEqual({ kind: 'of another router' });
  });

  test('the id that nobody may have is refused by everybody', () => {
    expect(judge({ ...right, message: right.message.with(1, 0) })).toMatchObject({ kind: 'refused' });
  });

  test('a message too short to have an id is refused', () => {
    expect(judge({ ...right, message: right.message.subarray(0, 1) })).toMatchObject({ reason: 'truncated' });
  });
});

describe('how far unicast may have come', () => {
  const from = (hopLimit: number) => ({ ...heardInVersion2('swordfis'), hopLimit });

  test('is what min_ttl says', () => {
    const judge = advertisementJudge({ ...ROUTER4, unicast: ['192.0.2.12'], minTtl: 250 }, undefined);
    expect([255, 250, 249].map((hopLimit) => judge(from(hopLimit)).kind)).toEqual(['heard', 'heard', 'refused']);
  });

  test('is no matter for multicast', () => {
    const judge = advertisementJudge({ ...ROUTER4, minTtl: 250 }, undefined);
    expect(judge(from(254))).toMatchObject({ kind: 'refused', reason: 'hop-limit-not-255' });
  });
});

describe('of this router, and yet refused', () => {
  test('another version', () => {
    const judge = advertisementJudge({ ...ROUTER4, version: 3, authPass: null }, undefined);
    expect(judge(heardInVersion2(undefined))).toEqual({
      ...{ kind: 'refused', reason: 'version' },
      text: 'refused an advertisement of version 2; version 3 is configured here',
    });
  });

  test.each([['another'], [undefined]])('the password %s', (password) => {
    const judge = advertisementJudge(ROUTER4, undefined);
    const judged = judge(heardInVersion2(password));
    expect(judged).toMatchObject({ kind: 'refused', reason: 'authentication' });
    expect(judged.kind === 'refused' && judged.text).toContain('refused an advertisement of 192.0.2.12: ');
  });

  test('an HMAC that does not hold', () => {
    const judge = advertisementJudge({ ...ROUTER4, authPass: null }, { problem: () => 'a wrong HMAC' });
    expect(judge(heardInVersion2(undefined))).toEqual({
      ...{ kind: 'refused', reason: 'authentication' },
      text: 'refused an advertisement of 192.0.2.12: a wrong HMAC',
    });
  });
});
