import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Holder } from './fence/namespaces.ts';
import { createPair, ip, MAC_B, type Pair, startCapture } from './kernel/network.ts';

// What the agent finds out by itself, from the kernel and from the wire. Where an interval of a minute is configured, only the
// kernel's own word can be in time.

type Said = { readonly check: string; readonly healthy: boolean; readonly detail: string };

const ROUTERS = ['"10.77.0.100/24"', '"fe80::100/64", "fd77::100/64"']
  .map(
    (addresses) => `[[group.virtual_router]]\ninterface = "eth0"\nvirtual_router_id = 33\naddresses = [${addresses}]`,
  )
  .join('\n');

let pair: Pair;
const started: Checks[] = [];
beforeAll(async () => {
  pair = await createPair();
});
afterAll(() => pair?.remove());
afterEach(async () => {
  for (const checks of started.splice(0)) await checks.stop();
});

class Checks {
  readonly #child: ChildProcess;
  readonly said: Said[] = [];

  constructor(checks: string, namespace?: string) {
    const node = [process.execPath, join(import.meta.dirname, 'check-child.ts'), configured(checks)];
    const inside = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace];
    const [program = '', ...rest] = [...inside, ...node];
    this.#child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout !== null) {
      createInterface(this.#child.stdout).on('line', (line) => this.said.push(JSON.parse(line)));
    }
    started.push(this);
  }

  change(checks: string): void {
    this.#child.stdin?.write(`${JSON.stringify(configured(checks))}\n`);
  }

  /** Its next report after the ones so far, or the last so far if it is that, with that verdict. */
  async until(healthy: boolean, check = 'it'): Promise<string> {
    const last = (): Said | undefined => this.said.findLast((said) => said.check === check);
    await expect.poll(() => last()?.healthy, { timeout: 20_000, interval: 10 }).toBe(healthy);
    return last()?.detail ?? '';
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.stdin?.end();
    if (this.#child.exitCode === null) await exited;
  }
}

const configured = (checks: string): string =>
  `node = "a"\n[[group]]\nname = "edge"\nmode = "vrrp"\n${ROUTERS}\n${checks}`;

const check = (lines: string, name = 'it'): string => `[[group.check]]\nname = "${name}"\n${lines}\n`;

describe('process', () => {
  const NAME = `tb-lab-${process.pid}-service`;
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tb-lab-process-'));
    copyFileSync('/bin/sleep', join(folder, NAME));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('the kernel tells of its beginning and its end', async () => {
    const checks = new Checks(check(`process = "${NAME}"\ninterval = "1m"`));
    expect(await checks.until(false)).toBe(`0 processes named ${NAME} (by kernel events)`);
    const service = spawn(join(folder, NAME), ['60']);
    expect(await checks.until(true)).toContain('1 process named');
    service.kill('SIGKILL');
    await checks.until(false);
  });

  test('where the kernel tells nothing it is looked for', async () => {
    const checks = new Checks(check(`process = "${NAME}"\ninterval = "100ms"`), pair.a);
    expect(await checks.until(false)).toBe(`0 processes named ${NAME} (looked at every 100 ms)`);
    const service = spawn(join(folder, NAME), ['60']);
    await checks.until(true);
    service.kill('SIGKILL');
    await checks.until(false);
  });

  test('a storm of forks is counted right in the end', async () => {
    const checks = new Checks(check(`process = "${NAME}"\nquorum = 2\ninterval = "1m"`));
    await checks.until(false);
    const script = `seq 3000 | xargs -P 64 -n 1 /bin/true; echo over; exec ${join(folder, NAME)} 60`;
    const early = spawn(join(folder, NAME), ['60']);
    const late = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    // How long that many forks take is the machine's affair.
    await once(late.stdout, 'data');
    expect(await checks.until(true)).toContain('2 processes of 2 needed');
    late.kill('SIGKILL');
    await checks.until(false);
    early.kill('SIGKILL');
  });
});

describe('interface', () => {
  beforeAll(() => {
    ip(pair.a, 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'far1');
    ip(pair.a, 'link', 'set', 'eth1', 'up');
  });
  beforeEach(() => ip(pair.a, 'link', 'set', 'far1', 'up'));

  test('fails when the carrier goes, and when it is switched off', async () => {
    const checks = new Checks(check('interface = "eth1"\ninterval = "1m"'), pair.a);
    expect(await checks.until(true)).toBe('eth1 is up');
    ip(pair.a, 'link', 'set', 'far1', 'down');
    expect(await checks.until(false)).toBe('eth1 has no carrier');
    ip(pair.a, 'link', 'set', 'far1', 'up');
    await checks.until(true);
    ip(pair.a, 'link', 'set', 'eth1', 'down');
    expect(await checks.until(false)).toBe('eth1 is switched off');
    ip(pair.a, 'link', 'set', 'eth1', 'up');
    await checks.until(true);
  });

  test('one that flaps counts as it was, with down_delay, and once it lasts as it is', async () => {
    const checks = new Checks(
      check('interface = "eth1"\ninterval = "1m"\ndown_delay = "700ms"\nup_delay = "300ms"') +
        check('interface = "eth1"\ninterval = "1m"', 'at-once'),
      pair.a,
    );
    await checks.until(true);
    await checks.until(true, 'at-once');
    for (let flap = 0; flap < 3; flap += 1) {
      ip(pair.a, 'link', 'set', 'far1', 'down');
      await checks.until(false, 'at-once');
      ip(pair.a, 'link', 'set', 'far1', 'up');
      await checks.until(true, 'at-once');
    }
    expect(checks.said.filter((said) => said.check === 'it')).toHaveLength(1);
    ip(pair.a, 'link', 'set', 'far1', 'down');
    await checks.until(false);
    ip(pair.a, 'link', 'set', 'far1', 'up');
    await checks.until(true);
  });

  test('one that flaps goes on counting as it was when another check is added', async () => {
    const flapping = check('interface = "eth1"\ninterval = "1m"\ndown_delay = "10s"');
    const checks = new Checks(flapping, pair.a);
    await checks.until(true);
    ip(pair.a, 'link', 'set', 'far1', 'down');
    checks.change(flapping + check('interface = "eth1"\ninterval = "1m"', 'at-once'));
    await checks.until(false, 'at-once');
    expect(checks.said.filter((said) => said.check === 'it').every(({ healthy }) => healthy)).toBe(true);
    ip(pair.a, 'link', 'set', 'far1', 'up');
    await checks.until(true, 'at-once');
  });

  test('one that is not there yet passes once it has come', async () => {
    const checks = new Checks(check('interface = "later"\ninterval = "1m"'), pair.a);
    expect(await checks.until(false)).toBe('there is no interface later');
    ip(pair.a, 'link', 'add', 'later', 'type', 'veth', 'peer', 'name', 'far');
    ip(pair.a, 'link', 'set', 'far', 'up');
    ip(pair.a, 'link', 'set', 'later', 'up');
    await checks.until(true);
    ip(pair.a, 'link', 'del', 'later');
    await checks.until(false);
  });
});

describe('arp', () => {
  test.each([
    ['10.77.0.2', '10.77.0.2/24', 'arp.src.proto_ipv4', 'arp.opcode == 1 && arp.dst.proto_ipv4 == 10.77.0.2'],
    ['fd77::2', 'fd77::2/64', 'ipv6.src', 'icmpv6.type == 135 && icmpv6.nd.ns.target_address == fd77::2'],
  ])('%s answers, or does not; it is never asked from a virtual address', async (target, prefix, source, filter) => {
    const own = target.includes(':') ? 'fd77::1' : '10.77.0.1';
    const virtual = target.includes(':') ? 'fd77::100/64' : '10.77.0.100/24';
    ip(pair.a, 'addr', 'add', virtual, 'dev', 'eth0', ...(target.includes(':') ? ['nodad'] : []));
    const wire = await startCapture(pair.b);
    const checks = new Checks(check(`arp = "${target}"\ninterval = "300ms"`), pair.a);
    expect(await checks.until(true)).toBe(`${target} is at ${MAC_B} on eth0`);
    ip(pair.b, 'addr', 'del', prefix, 'dev', 'eth0');
    expect(await checks.until(false)).toMatch(`${target} does not answer`);
    ip(pair.b, 'addr', 'add', prefix, 'dev', 'eth0', ...(target.includes(':') ? ['nodad'] : []));
    await checks.until(true);
    await checks.stop();
    ip(pair.a, 'addr', 'del', virtual, 'dev', 'eth0');
    const sources = new Set((await wire.decode(filter, [source])).flat());
    expect(sources).toEqual(new Set([own]));
  });

  test('a closed fence lets it through', async () => {
    const fence = new Holder(pair.a);
    const group = {
      id: 7,
      addresses: ['10.77.0.100', 'fd77::100'],
      virtualRouters: [{ interface: 'eth0', family: 'ipv4' as const, virtualRouterId: 33 }],
      gatewayInterfaces: [],
      intervalUs: 250_000,
    };
    const options = { groups: [group], interfaces: ['eth0'], sideband: [] };
    expect(await fence.ask({ do: 'install', options })).toEqual({ ok: true, level: 'full' });
    const both = check('arp = "10.77.0.2"', 'four') + check('arp = "fd77::2"', 'six');
    const checks = new Checks(both, pair.a);
    await checks.until(true, 'four');
    await checks.until(true, 'six');
    await fence.ask({ do: 'remove' });
    await fence.kill();
  });

  test('says what is missing to ask from or by', async () => {
    const checks = new Checks(
      check('arp = "198.51.100.1"') + check('arp = { address = "10.77.0.2", interface = "eth9" }', 'eth9'),
      pair.b,
    );
    expect(await checks.until(false)).toContain('198.51.100.1 does not answer ARP from 10.77.0.2 on eth0');
    expect(await checks.until(false, 'eth9')).toBe('there is no interface eth9');
  });
});
