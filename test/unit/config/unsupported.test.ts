import { describe, expect, it } from 'vitest';
import { edit, PAIR, PLAIN, problemsOf } from './example.ts';

const IN_GROUP: readonly (readonly [string, string])[] = [
  ['policy = "bias"', 'policy "bias" is not supported yet; use "safe", or leave it out'],
  ['policy = "available"', 'policy "available" is not supported yet; use "safe", or leave it out'],
  ['bias_promise = "60s"', 'bias_promise is not supported yet; leave it out'],
  [
    'preempt = true',
    'preempt = true in mode "lease" is not supported yet; leave it out: a node that returns does not take the group back',
  ],
  ['preempt_delay = "1s"', 'preempt_delay in mode "lease" is not supported yet; leave it out'],
  ['gateway = true', 'gateway = true is not supported yet; leave it out'],
  [
    'check = [{ name = "nginx", http = "http://127.0.0.1/healthz?full" }]',
    '[[group.check]] is not supported yet; leave it out',
  ],
  ['notify = [{ command = ["/etc/tiebreak/notify"] }]', '[[group.notify]] is not supported yet; leave it out'],
  [
    'floating_ip = [{ provider = "digitalocean", address = "203.0.113.10", token_file = "/t" }]',
    '[[group.floating_ip]] is not supported yet; leave it out',
  ],
];

const IN_ROUTER: readonly (readonly [string, string])[] = [
  ['virtual_mac = true', 'virtual_mac = true is not supported yet; leave it out'],
  ['accept = false', 'accept = false is not supported yet; leave it out'],
  ['routes = [{ to = "203.0.113.0/24", via = "192.0.2.254" }]', 'routes is not supported yet; leave it out'],
];

function keyOf(line: string): string {
  return line.split(' ')[0] ?? '';
}

describe('what is not built yet is refused, never ignored', () => {
  it.each(IN_GROUP)('in a lease group: %s', (line, message) => {
    const text = edit(PAIR, 'name = "edge"', `name = "edge"\n${line}`);
    expect(problemsOf(text)).toEqual([`edge.toml:10:1  group[0].${keyOf(line)}: ${message}`]);
  });

  it.each(IN_ROUTER)('in a virtual router: %s', (line, message) => {
    const text = edit(PAIR, '= 33', `= 33\n${line}`);
    expect(problemsOf(text)).toEqual([`edge.toml:16:1  group[0].virtual_router[0].${keyOf(line)}: ${message}`]);
  });

  it('IPv6 in mode "lease"; in mode "vrrp" it is there', () => {
    expect(problemsOf(edit(PAIR, '192.0.2.100/24', 'fe80::1/64'))).toEqual([
      'edge.toml:16:14  group[0].virtual_router[0].addresses[0]: an IPv6 address in mode "lease" is not supported yet; use IPv4, or mode = "vrrp"',
    ]);
    expect(problemsOf(edit(PLAIN, '192.0.2.100/24', 'fe80::1/64'))).toEqual([]);
  });

  it('a group of three', () => {
    const text = edit(PAIR, '["192.0.2.2"] }', '["192.0.2.2"] }, { node = "c", addresses = ["192.0.2.3"] }');
    expect(problemsOf(text)).toEqual([
      'edge.toml:11:53  group[0].peers[1]: a group of more than two nodes is not supported yet; name one peer',
    ]);
  });

  it('preemption in mode "vrrp" is there', () => {
    const text = edit(PLAIN, 'mode = "vrrp"', 'mode = "vrrp"\npreempt = true\npreempt_delay = "30s"');
    expect(problemsOf(text)).toEqual([]);
  });

  it('even when the file has other mistakes', () => {
    const text = edit(PAIR, 'name = "edge"', 'name = 7\ngateway = true');
    expect(problemsOf(text)).toHaveLength(2);
  });
});
