import { describe, expect, it } from 'vitest';
import { configOf, edit, PAIR, problemsOf } from './example.ts';

const withRoutes = (routes: string): string => edit(PAIR, '= 33', `= 33\nroutes = [${routes}]`);
const PLAIN_ROUTE = { interface: 'eth0', source: null, metric: null, table: null };

describe('routes', () => {
  it.each([
    [
      '{ to = "203.0.113.0/24", via = "192.0.2.254" }',
      { ...PLAIN_ROUTE, family: 'ipv4', to: '203.0.113.0', prefixLength: 24, via: '192.0.2.254' },
    ],
    [
      '{ to = "0.0.0.0/0", via = "192.0.2.254", source = "192.0.2.100", metric = 50, table = 1000 }',
      {
        family: 'ipv4',
        to: '0.0.0.0',
        prefixLength: 0,
        via: '192.0.2.254',
        interface: 'eth0',
        source: '192.0.2.100',
        metric: 50,
        table: 1_000,
      },
    ],
    [
      '{ to = "2001:db8:1::/48", interface = "eth1" }',
      { ...PLAIN_ROUTE, family: 'ipv6', to: '2001:db8:1::', prefixLength: 48, via: null, interface: 'eth1' },
    ],
    ['{ to = "::/0", via = "fe80::1" }', { ...PLAIN_ROUTE, family: 'ipv6', to: '::', prefixLength: 0, via: 'fe80::1' }],
  ])('%s', (text, route) => {
    expect(configOf(withRoutes(text)).groups[0]?.virtualRouters[0]?.routes).toEqual([route]);
  });

  it.each([
    ['{ to = "203.0.113.1/24", via = "192.0.2.254" }', 'routes[0].to: must be a network'],
    ['{ to = "203.0.113.0", via = "192.0.2.254" }', 'routes[0].to: must be a network'],
    ['{ to = "2001:db8::1/64", via = "fe80::1" }', 'routes[0].to: must be a network'],
    ['{ to = "203.0.113.0/24", via = "fe80::1" }', 'routes[0].via: must be an IPv4 address, as the network is'],
    ['{ to = "::/0", via = "fe80::1", source = "192.0.2.1" }', 'routes[0].source: must be an IPv6 address'],
    ['{ to = "203.0.113.0/24" }', 'routes[0]: needs via, or the interface that the network is on'],
    ['{ to = "203.0.113.0/24", via = "192.0.2.254", table = 255 }', 'must not be the local table'],
    ['{ to = "203.0.113.0/24", via = "192.0.2.254", metrik = 1 }', "did you mean 'metric'?"],
    [
      '{ to = "203.0.113.0/24", via = "192.0.2.1" }, { to = "203.0.113.0/24", via = "192.0.2.2" }',
      'routes[1]: is there twice; give one of them another metric',
    ],
  ])('refuses %s', (text, problem) => {
    expect(problemsOf(withRoutes(text))).toEqual([expect.stringContaining(problem)]);
  });
});
