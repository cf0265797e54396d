import { type Advertisement, advertisementV2, advertisementV3, parseAddress } from '@tiebreak/shared/vrrp';
import { describe, expect, it } from 'vitest';
import { judgeWire, type WireFacts } from '../../../agent/doctor/advertisements.ts';
import { type Heard, type HeardClaim, listeningMs } from '../../../agent/doctor/listen.ts';
import { configOf, edit, PAIR, PLAIN } from '../config/example.ts';
import { ABSENT, ETH0, running, told } from './facts.ts';

const VIRTUAL = Uint8Array.of(192, 0, 2, 100);
const OURS = advertisementV3({
  family: 'ipv4',
  virtualRouterId: 33,
  priority: 100,
  intervalCs: 25,
  addresses: [VIRTUAL],
});
const PEER_MAC = '02:00:00:00:00:0b';

function heard(source: string, advertisement: Advertisement | undefined = OURS, rest: Partial<Heard> = {}): Heard {
  return {
    interface: 'eth0',
    family: 'ipv4',
    source,
    sourceMac: PEER_MAC,
    virtualRouterId: 33,
    hopLimit: 255,
    advertisement,
    refused: undefined,
    ...rest,
  };
}

function judged(advertisements: readonly Heard[], rest: Partial<WireFacts> = {}, claims: readonly HeardClaim[] = []) {
  const facts = { config: configOf(PAIR), interfaces: [ETH0], neighbours: [], agent: ABSENT };
  return told(judgeWire({ ...facts, ...rest, heard: { advertisements, claims } }));
}

describe('who advertises our virtual router', () => {
  it('is the peer, or this host: all is well', () => {
    expect(judged([heard('192.0.2.2')])).toEqual(['ok eth0 vrid 33: advertised by b (192.0.2.2), and by nobody else']);
    expect(judged([heard('192.0.2.1', OURS, { sourceMac: ETH0.mac })])).toEqual([
      'ok eth0 vrid 33: advertised by this host, and by nobody else',
    ]);
  });

  it('speaks from the virtual MAC address: this host still', () => {
    expect(judged([heard('192.0.2.1', OURS, { sourceMac: '00:00:5e:00:01:21' })])[0]).toMatch(/^ok .* this host/);
  });

  it('names a first IPv6 address that is not link-local, which is heard all the same', () => {
    const config = configOf(edit(PLAIN, '192.0.2.100/24', 'fe80::100/64", "2001:db8::100/64'));
    const addresses = [parseAddress('2001:db8::100'), parseAddress('fe80::100')].map((each) => [...(each ?? [])]);
    const advertisement: Advertisement = {
      version: 3,
      family: 'ipv6',
      virtualRouterId: 33,
      priority: 100,
      intervalCs: 25,
      addresses: Uint8Array.from(addresses.flat()),
    };
    expect(judged([heard('fe80::2', advertisement, { family: 'ipv6' })], { config })).toEqual([
      'warning eth0 vrid 33: fe80::2 advertises a first address that is not link-local (RFC 9568 section 5.2.9)',
    ]);
  });

  it('is a stranger', () => {
    expect(judged([heard('192.0.2.66'), heard('192.0.2.2')])).toEqual([
      `problem eth0 vrid 33: 192.0.2.66 (${PEER_MAC}) advertises it too, and is no peer of group edge`,
    ]);
  });

  it('may be anyone in mode vrrp, which configures no peers', () => {
    expect(judged([heard('192.0.2.66')], { config: configOf(PLAIN) })).toEqual([
      'ok eth0 vrid 33: advertised by 192.0.2.66, and by nobody else',
    ]);
  });

  it('has our own address, at another MAC address', () => {
    expect(judged([heard('192.0.2.1')])).toEqual([
      `problem eth0 vrid 33: 192.0.2.1 advertises it from ${PEER_MAC}, and is this host's own address`,
    ]);
  });

  it('does not concern us with another id, or on another interface', () => {
    const others = [
      heard('192.0.2.66', OURS, { virtualRouterId: 34 }),
      heard('192.0.2.66', OURS, { interface: 'eth1' }),
    ];
    expect(judged(others)).toEqual(['ok eth0 vrid 33: nobody advertises it']);
  });
});

describe('how the peer advertises', () => {
  const version2 = (fields: { authType?: 0 | 1; authData?: Uint8Array; intervalS?: number } = {}) =>
    advertisementV2({ virtualRouterId: 33, priority: 100, intervalS: 1, addresses: [VIRTUAL], ...fields });
  const old = (auth: string) =>
    configOf(
      edit(
        PLAIN,
        'virtual_router_id = 33',
        `virtual_router_id = 33\nversion = 2\nadvertisement_interval = "1s"\n${auth}`,
      ),
    );

  it.each([
    ['another version', version2(), 'problem', 'version 2 instead of 3'],
    ['another interval', { ...OURS, intervalCs: 100 }, 'warning', 'an interval of 1000 ms instead of 250 ms'],
    [
      'other addresses',
      { ...OURS, addresses: Uint8Array.of(192, 0, 2, 9) },
      'warning',
      'the addresses 192.0.2.9 instead of 192.0.2.100',
    ],
  ] as const)('%s', (_what, advertisement, level, text) => {
    expect(judged([heard('192.0.2.2', advertisement)])).toEqual([
      `${level} eth0 vrid 33: b (192.0.2.2) advertises ${text}`,
    ]);
  });

  it.each([
    [
      'with another password',
      'auth_pass = "secret"',
      version2({ authType: 1, authData: new Uint8Array(8) }),
      'another auth_pass',
    ],
    ['without the password', 'auth_pass = "secret"', version2(), 'authentication type 0'],
    ['with a password that we do not have', '', version2({ authType: 1 }), 'authentication type 1'],
    ['with another interval in version 2', '', version2({ intervalS: 3 }), 'an interval of 3000 ms instead of 1000 ms'],
  ])('%s: its advertisements are refused', (_what, auth, advertisement, text) => {
    const [line] = judged([heard('192.0.2.2', advertisement)], { config: old(auth) });
    expect(line).toContain('problem eth0 vrid 33: 192.0.2.2 advertises ');
    expect(line).toContain(text);
    expect(line).not.toContain('secret');
  });

  it('so that it is refused', () => {
    const tell = (refused: string) =>
      `warning eth0 vrid 33: b (192.0.2.2) sends an advertisement that is refused: ${refused}`;
    const refused = heard('192.0.2.2', undefined, { advertisement: undefined, refused: 'bad-checksum' });
    expect(judged([refused])).toEqual([tell('bad-checksum')]);
    const far = heard('192.0.2.2', OURS, { hopLimit: 64 });
    expect(judged([far])).toEqual([tell('hop-limit-not-255')]);
    const near = PAIR.replace('addresses = ["192.0.2.100', 'unicast = ["192.0.2.2"]\nmin_ttl = 64\n$&');
    expect(judged([far], { config: configOf(near) })).toEqual(judged([heard('192.0.2.2')]));
  });
});

describe('nobody advertises', () => {
  it('though this node owns the group', () => {
    expect(judged([], { agent: running() })[0]).toMatch(/^problem eth0 vrid 33: this node owns the group, and no adv/);
  });

  it('though the peer owns it', () => {
    const agent = running({ role: 'backup', owner: 'b' });
    expect(judged([], { agent })).toEqual([
      'warning eth0 vrid 33: b owns the group, and its advertisements do not arrive',
    ]);
  });

  it('where nobody could listen: nothing is said', () => {
    expect(judged([], { interfaces: [{ ...ETH0, up: false }] })).toEqual([]);
  });
});

describe('who says that a virtual address is his', () => {
  const claim = (mac: string): HeardClaim => ({ interface: 'eth0', address: '192.0.2.100', mac });
  const neighbours = [{ interface: 'eth0', address: '192.0.2.2', mac: PEER_MAC }];
  const agent = running({ role: 'backup', owner: 'b' });

  it('is the peer', () => {
    expect(judged([heard('192.0.2.2')], { agent, neighbours }, [claim(PEER_MAC)])[0]).toMatch(/^ok /);
  });

  it('is nobody that is known', () => {
    expect(judged([heard('192.0.2.2')], { agent, neighbours }, [claim('02:00:00:00:00:66')])).toEqual([
      'problem eth0 vrid 33: 02:00:00:00:00:66 says that 192.0.2.100 is its own, and is no known peer',
    ]);
  });

  it('may be the peer, whose MAC address is not known', () => {
    expect(judged([heard('192.0.2.2')], { agent }, [claim('02:00:00:00:00:66')])[0]).toMatch(/^ok /);
  });

  it('is anyone while this node owns it', () => {
    const own = heard('192.0.2.1', OURS, { sourceMac: ETH0.mac });
    expect(judged([own], { agent: running(), neighbours }, [claim(PEER_MAC)])).toEqual([
      `problem eth0 vrid 33: ${PEER_MAC} says that 192.0.2.100 is its own, and this node owns it`,
    ]);
  });
});

describe('how long it listens', () => {
  it.each([
    ['250ms', 3_100],
    ['3s', 9_600],
    ['30s', 15_000],
  ])('at an interval of %s', (interval, expectedMs) => {
    const text = edit(
      PLAIN,
      'virtual_router_id = 33',
      `virtual_router_id = 33\nadvertisement_interval = "${interval}"`,
    );
    expect(listeningMs(configOf(text))).toBe(expectedMs);
  });
});
