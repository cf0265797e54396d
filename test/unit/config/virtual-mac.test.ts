import { describe, expect, it } from 'vitest';
import { isVirtualMacInterface, virtualMacInterface } from '../../../agent/config/virtual-mac.ts';
import { configOf, edit, PAIR, PLAIN, problemsOf } from './example.ts';

const ROUTER = 'group[0].virtual_router[0]';
const withMac = (text: string): string => edit(text, '= 33', '= 33\nvirtual_mac = true');

describe('the macvlan of a virtual router', () => {
  it('is named after the virtual router, its interface and, for IPv6, its family', () => {
    expect(virtualMacInterface('eth0', 'ipv4', 33)).toBe('tb33.eth0');
    expect(virtualMacInterface('eth0', 'ipv6', 33)).toBe('tb33v6.eth0');
    expect(virtualMacInterface('bond0.123', 'ipv4', 255)).toBe('tb255.bond0.123');
    expect(virtualMacInterface('bond0.1234', 'ipv4', 255)).toMatch(/^tb255\.bond0-[0-9a-f]{3}$/);
  });

  it('has a name that the kernel takes, another for each interface, also where two begin alike', () => {
    const parents = ['enp129s0f0np0', 'enp129s0f0np1', 'enp129s0f1np0', 'averylongname00', 'averylongname01', 'eth0'];
    const names = parents.flatMap((parent) =>
      (['ipv4', 'ipv6'] as const).flatMap((family) =>
        [1, 33, 255].map((id) => virtualMacInterface(parent, family, id)),
      ),
    );
    expect(new Set(names).size).toBe(parents.length * 6);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9._-]{1,15}$/);
    expect(names.every(isVirtualMacInterface)).toBe(true);
  });

  it('is told from interfaces that others made', () => {
    for (const name of ['eth0', 'tb0', 'tbr.33', 'vrrp.33', 'mtb33.eth0'])
      expect(isVirtualMacInterface(name)).toBe(false);
  });
});

describe('virtual_mac = true', () => {
  it.each([PAIR, PLAIN])('puts the addresses on the macvlan; VRRP stays on the interface', (text) => {
    const [group] = configOf(withMac(text)).groups;
    expect(group?.virtualRouters).toMatchObject([
      { interface: 'eth0', virtualMac: true, addresses: [{ address: '192.0.2.100', interface: 'tb33.eth0' }] },
    ]);
  });

  it('goes with unicast too', () => {
    expect(problemsOf(edit(PAIR, '= 33', '= 33\nvirtual_mac = true\nunicast = ["192.0.2.2"]'))).toEqual([]);
  });

  it('cannot be had by an address on another interface', () => {
    const text = edit(
      withMac(PAIR),
      '"192.0.2.100/24"',
      '"192.0.2.100/24", { address = "198.51.100.7/32", interface = "eth1" }',
    );
    expect(problemsOf(text)).toEqual([
      `edge.toml:17:32  ${ROUTER}.addresses[1]: an address with an interface of its own cannot have the virtual MAC; leave interface out, or give it a virtual router of its own`,
    ]);
    expect(problemsOf(edit(text, 'virtual_mac = true', 'virtual_mac = false'))).toEqual([]);
  });

  it("cannot be had by addresses that are the host's own (RFC 9568 section 6.1)", () => {
    const own = edit(PLAIN, '= 33', '= 33\nvirtual_mac = true\npriority = 255');
    expect(problemsOf(own)).toEqual([
      `edge.toml:10:1  ${ROUTER}.virtual_mac: with priority 255 the addresses are this host's own and keep its own MAC address; leave virtual_mac out, or choose a lower priority`,
    ]);
    expect(problemsOf(edit(PAIR, '= 33', '= 33\nvirtual_mac = true\npriority = 255'))).toEqual([]);
  });
});
