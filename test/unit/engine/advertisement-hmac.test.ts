import { describe, expect, it } from 'vitest';
import type { AuthHmacConfig, HmacKey } from '../../../agent/config/index.ts';
import { AdvertisementHmac } from '../../../agent/engine/advertisement-hmac.ts';
import { advertisementV3, encodeAdvertisement, splitTrailer } from '../../../shared/vrrp/index.ts';
import { address } from '../vrrp/addresses.ts';

const A = address('192.0.2.1');
const B = address('192.0.2.2');
const OLD: HmacKey = { id: 1, key: new Uint8Array(32).fill(1) };
const NEW: HmacKey = { id: 2, key: new Uint8Array(64).fill(2) };
const message = encodeAdvertisement(
  advertisementV3({
    family: 'ipv4',
    virtualRouterId: 33,
    priority: 200,
    intervalCs: 100,
    addresses: [address('192.0.2.100')],
  }),
  { source: A, destination: B, checksumForm: 'message' },
);

class Host {
  nowUs = 1_800_000_000_000_000;
  readonly hmac: AdvertisementHmac;

  constructor(config: Partial<AuthHmacConfig> = {}, keys: readonly [HmacKey, ...HmacKey[]] = [OLD], source = A) {
    this.hmac = new AdvertisementHmac({
      family: 'ipv4',
      source,
      config: { keyFile: '/k', mode: 'enforce', antiReplay: { kind: 'time', windowS: 5 }, ...config },
      keys,
      wallClockUs: () => this.nowUs,
    });
  }

  send(): Uint8Array {
    return this.hmac.signed([{ destination: B, message }])[0]?.message ?? new Uint8Array();
  }

  hear(payload: Uint8Array, source = A): string | undefined {
    const apart = splitTrailer(payload, 'ipv4');
    return this.hmac.problem(apart.message, apart.trailer, source);
  }
}

describe('auth_hmac', () => {
  it('believes what the other has signed, once', () => {
    const [a, b] = [new Host(), new Host()];
    const [first, second] = [a.send(), a.send()];
    expect(b.hear(first)).toBeUndefined();
    expect(b.hear(second)).toBeUndefined();
    expect(b.hear(second)).toBe('a replay');
    expect(b.hear(first)).toBe('a replay');
  });

  it('signs one advertisement alike for all its destinations', () => {
    const packets = new Host().hmac.signed([
      { destination: B, message },
      { destination: address('192.0.2.3'), message },
    ]);
    expect(packets[0]?.message).toEqual(packets[1]?.message);
  });

  it('does not believe what comes late, of another key, of another host, or changed', () => {
    const [a, b] = [new Host(), new Host()];
    const sent = a.send();
    b.nowUs += 6_000_000;
    expect(b.hear(sent)).toBe('6 s old by the clocks of the two hosts, or a replay');
    b.nowUs -= 12_000_000;
    expect(b.hear(sent)).toBe('6 s ahead by the clocks of the two hosts, or a replay');
    b.nowUs = a.nowUs;
    expect(b.hear(new Host({}, [NEW]).send())).toBe('key ID 2 is not in the key file');
    expect(b.hear(sent, B)).toBe('a wrong HMAC');
    expect(b.hear(sent.with(2, 255))).toBe('a wrong HMAC');
    expect(b.hear(sent.with(12, 9))).toBe('a trailer of another kind');
    // What was not proven has not moved the mark.
    expect(b.hear(sent)).toBeUndefined();
  });

  it('needs no common clock if growing is all that counts', () => {
    const monotonic = { antiReplay: { kind: 'monotonic' } } as const;
    const [a, b] = [new Host(monotonic), new Host(monotonic)];
    b.nowUs += 3_600_000_000;
    const sent = a.send();
    expect(b.hear(sent)).toBeUndefined();
    expect(b.hear(sent)).toBe('a replay');
  });

  it('exchanges a key without a gap: added everywhere, then first everywhere, then the old one goes', () => {
    const steps: (readonly [HmacKey, ...HmacKey[]])[] = [[OLD], [OLD, NEW], [NEW, OLD], [NEW]];
    for (const [index, keys] of steps.slice(1).entries()) {
      const former = steps[index] ?? keys;
      expect(new Host({}, former).hear(new Host({}, keys).send()), `step ${index}`).toBeUndefined();
      expect(new Host({}, keys).hear(new Host({}, former).send()), `step ${index}`).toBeUndefined();
    }
  });

  it('comes in without a gap: receive-only, permissive, enforce', () => {
    const modes = ['receive-only', 'permissive', 'enforce'] as const;
    for (const [index, mode] of modes.slice(1).entries()) {
      const former = modes[index] ?? mode;
      expect(new Host({ mode: former }).hear(new Host({ mode }).send())).toBeUndefined();
      expect(new Host({ mode }).hear(new Host({ mode: former }).send())).toBeUndefined();
    }
    expect(new Host({ mode: 'receive-only' }).send()).toEqual(message);
    expect(new Host().hear(message)).toBe('no HMAC');
    // A wrong one is worse than none in every mode.
    for (const mode of modes) expect(new Host({ mode }).hear(new Host({}, [NEW]).send())).toContain('key ID 2');
  });

  it('keeps a mark for each of many sources, and forgets the one that was silent for longest', () => {
    const b = new Host();
    const sources = Array.from({ length: 65 }, (_, index) => address(`198.51.100.${index}`));
    const sent = sources.map((source) => new Host({}, [OLD], source).send());
    for (const [index, payload] of sent.entries()) expect(b.hear(payload, sources[index])).toBeUndefined();
    expect(b.hear(sent[64] ?? message, sources[64])).toBe('a replay');
    expect(b.hear(sent[1] ?? message, sources[1])).toBe('a replay');
  });
});
