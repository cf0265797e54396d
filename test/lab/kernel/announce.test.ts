import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Child, createPair, inNamespace, ip, MAC_A, type Pair, startCapture, startChild } from './network.ts';

let pair: Pair;
let child: Child;

beforeAll(async () => {
  pair = await createPair();
}, 30_000);
afterAll(() => pair.remove());
beforeEach(() => {
  child = startChild(pair.a);
});
afterEach(() => child.stop());

const GOOD = '1';

describe('announcements on the wire', () => {
  it('a gratuitous ARP is a broadcast request from and for the address, as keepalived sends it', async () => {
    const wire = await startCapture(pair.b);
    expect(await child.ask('openAnnouncer')).toMatchObject({ ok: true });
    expect(await child.ask('gratuitousArp', { address: '10.77.0.100' })).toEqual({ ok: true });
    const fields = ['eth.dst', 'eth.src', 'arp.opcode', 'arp.isgratuitous', 'arp.src.hw_mac'];
    const protocol = ['arp.src.proto_ipv4', 'arp.dst.proto_ipv4', 'arp.dst.hw_mac'];
    const broadcast = 'ff:ff:ff:ff:ff:ff';
    expect(await wire.decode('arp.isgratuitous == 1', [...fields, ...protocol])).toEqual([
      [broadcast, MAC_A, '1', expect.stringMatching(/^(1|True)$/), MAC_A, '10.77.0.100', '10.77.0.100', broadcast],
    ]);
  });

  it.each([
    { router: true, flag: '1' },
    { router: false, flag: '0' },
  ])('an unsolicited neighbour advertisement goes to all nodes with R=$flag, S=0, O=1', async ({ router, flag }) => {
    const wire = await startCapture(pair.b);
    await child.ask('openAnnouncer');
    expect(await child.ask('neighbourAdvertisement', { address: 'fd77::100', router })).toEqual({ ok: true });
    const ipFields = ['eth.dst', 'eth.src', 'ipv6.src', 'ipv6.dst', 'ipv6.hlim', 'icmpv6.checksum.status'];
    const flags = ['icmpv6.nd.na.flag.r', 'icmpv6.nd.na.flag.s', 'icmpv6.nd.na.flag.o'];
    const rest = ['icmpv6.nd.na.target_address', 'icmpv6.opt.linkaddr', '_ws.malformed'];
    const rows = await wire.decode('icmpv6.type == 136 && ipv6.dst == ff02::1', [...ipFields, ...flags, ...rest]);
    expect(rows.map((row) => row.map((value) => value.replace('True', '1').replace('False', '0')))).toEqual([
      ['33:33:00:00:00:01', MAC_A, 'fd77::100', 'ff02::1', '255', GOOD, flag, '0', '1', 'fd77::100', MAC_A, ''],
    ]);
  });

  it('a neighbour that knew another MAC believes both announcements', async () => {
    const stale = '02:00:00:00:00:ff';
    ip(pair.b, 'neigh', 'replace', '10.77.0.100', 'lladdr', stale, 'dev', 'eth0', 'nud', 'stale');
    ip(pair.b, 'neigh', 'replace', 'fd77::100', 'lladdr', stale, 'dev', 'eth0', 'nud', 'stale');
    // A host drops a change of mind that comes within a second of the last one (locktime).
    inNamespace(pair.b, 'sysctl', '-qw', 'net.ipv4.neigh.eth0.locktime=0');
    await child.ask('openAnnouncer');
    await child.ask('gratuitousArp', { address: '10.77.0.100' });
    await child.ask('neighbourAdvertisement', { address: 'fd77::100', router: false });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(ip(pair.b, 'neigh', 'show', '10.77.0.100')).toContain(MAC_A);
    expect(ip(pair.b, 'neigh', 'show', 'fd77::100')).toContain(MAC_A);
  });

  it('on an interface that is down an announcement fails with ENETDOWN, and works again when it is up', async () => {
    await child.ask('openAnnouncer');
    ip(pair.a, 'link', 'set', 'eth0', 'down');
    expect(await child.ask('gratuitousArp', { address: '10.77.0.100' })).toMatchObject({ ok: false, code: 'ENETDOWN' });
    ip(pair.a, 'link', 'set', 'eth0', 'up');
    expect(await child.ask('gratuitousArp', { address: '10.77.0.100' })).toEqual({ ok: true });
  });

  it('without CAP_NET_RAW opening says what to do', async () => {
    await child.ask('becomeNobody');
    expect(await child.ask('openAnnouncer')).toMatchObject({
      ok: false,
      code: 'EPERM',
      text: expect.stringMatching(/CAP_NET_RAW.*root/),
    });
  });
});
