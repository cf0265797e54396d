import { parseAddress } from '@tiebreak/shared/vrrp';
import { describe, expect, test } from 'vitest';
import { explainWay, forbiddenAddresses, WitnessRoutes } from '../../../agent/engine/witness-route.ts';
import type { FoundRoute, InterfaceAddress, SystemResult } from '../../../agent/kernel/index.ts';
import { recordedLog } from './recorded-log.ts';
import { GROUP } from './scripted-group.ts';

const WITNESS = '198.51.100.50';

function bytes(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

const CONFIG = { ...GROUP, peers: [{ node: 'a', addresses: ['192.0.2.1', '2001:DB8:0::1'] }] };

function found(route: { gateway?: string; source?: string }): FoundRoute {
  return {
    interfaceIndex: 2,
    gateway: route.gateway === undefined ? undefined : bytes(route.gateway),
    source: bytes(route.source ?? '192.0.2.2'),
  };
}

function address(text: string, more: Partial<InterfaceAddress> = {}): InterfaceAddress {
  return {
    interfaceIndex: 2,
    family: 'ipv4',
    address: bytes(text),
    prefixLength: 24,
    label: undefined,
    flags: 0,
    tentative: false,
    duplicate: false,
    deprecated: false,
    ours: false,
    ...more,
  };
}

/** The kernel's routes, as the test changes them. */
function routes(route: { gateway?: string; source?: string } | 'none', here: readonly InterfaceAddress[] = []) {
  const { log, lines } = recordedLog();
  const kernel = { route };
  const unreachable = { ok: false, errno: 101, code: 'ENETUNREACH', call: 'netlink', text: 'unreachable' } as const;
  const watched = new WitnessRoutes({
    rtnetlink: {
      routeTo: (): SystemResult<FoundRoute> =>
        kernel.route === 'none' ? unreachable : { ok: true, value: found(kernel.route) },
      addresses: () => ({ ok: true, value: [...here] }),
    },
    groups: () => [CONFIG],
    log,
  });
  return { kernel, watched, warnings: () => lines().map(({ msg }) => msg) };
}

describe('the way to the witness', () => {
  const forbidden = forbiddenAddresses([CONFIG]);

  test.each([
    ['192.0.2.254', undefined],
    ['192.0.2.100', 'leads through 192.0.2.100, an address of group edge'],
    ['192.0.2.1', 'leads through 192.0.2.1, node a'],
    ['2001:db8::1', 'leads through 2001:db8::1, node a'],
  ])('by way of %s', (gateway, told) => {
    const problem = explainWay(WITNESS, found({ gateway }), forbidden);
    if (told === undefined) expect(problem).toBeUndefined();
    else expect(problem).toContain(told);
  });

  test.each(['192.0.2.100', '192.0.2.1'])('a witness that is reached on the link at %s stands with it', (witness) => {
    expect(explainWay(witness, found({}), forbidden)).toContain(`leads through ${witness}`);
    expect(explainWay('192.0.2.50', found({}), forbidden)).toBeUndefined();
  });

  test('is told in the log and in the status for as long as it is wrong', () => {
    const { kernel, watched, warnings } = routes({ gateway: '192.0.2.100' });
    watched.check([WITNESS]);
    watched.check([WITNESS]);
    expect(watched.problem).toContain('leads through 192.0.2.100');
    expect(warnings()).toEqual([watched.problem]);
    kernel.route = { gateway: '192.0.2.254' };
    watched.check([WITNESS]);
    expect(watched.problem).toBeUndefined();
  });

  test('is no problem while there is none: the link says that already', () => {
    const { watched } = routes('none');
    expect(watched.check([WITNESS])).toBeUndefined();
    expect(watched.problem).toBeUndefined();
  });
});

describe('where the link begins', () => {
  test('is left to the kernel unless it would choose an address of a group', () => {
    expect(routes({ source: '192.0.2.2' }, [address('192.0.2.2')]).watched.check([WITNESS])).toBeUndefined();
  });

  test('is an address of the host’s own on that interface otherwise, which the fence does not close', () => {
    const here = [
      address('192.0.2.100'),
      address('192.0.2.7', { tentative: true }),
      address('fe80::7', { family: 'ipv6' }),
      address('192.0.2.2'),
    ];
    const { watched } = routes({ source: '192.0.2.100' }, here);
    expect(watched.check([WITNESS])).toBe('192.0.2.2');
    expect(watched.problem).toBeUndefined();
  });

  test('is a problem where the interface has no other address', () => {
    const { watched } = routes({ source: '192.0.2.100' }, [address('192.0.2.100')]);
    expect(watched.check([WITNESS])).toBeUndefined();
    expect(watched.problem).toContain('begins at 192.0.2.100, an address of group edge');
  });
});
