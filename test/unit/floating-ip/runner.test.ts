import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FloatingIpConfig, FloatingIpCredential } from '../../../agent/config/index.ts';
import { FloatingIpRunner } from '../../../agent/floating-ip/runner.ts';
import type { Ownership } from '../../../agent/ownership/index.ts';
import { start as startAws } from '../../cloud/aws.ts';
import { type DigitalOcean, error, start, TOKEN } from '../../cloud/digitalocean.ts';
import { TOKEN as HETZNER_TOKEN, start as startHetzner } from '../../cloud/hetzner.ts';
import { during, IMPATIENT, requestsOf } from './calls.ts';

const IP = '203.0.113.10';
const VERIFY_MS = 5_000;

/** A runner whose clock and ownership the test sets. */
class Node {
  owner: Ownership | undefined;
  /** What its file holds by now. */
  token: FloatingIpCredential | null;
  /** Runs this much faster than the clock on the wall. */
  haste = 1;
  readonly log: string[] = [];
  readonly runner: FloatingIpRunner;

  constructor(config: FloatingIpConfig, token: FloatingIpCredential | null) {
    const startedMs = performance.now();
    this.token = token;
    this.runner = new FloatingIpRunner({
      group: 'edge',
      config,
      token,
      readToken: () => this.token,
      ownership: () => this.owner,
      log: {
        info: (fields, text) => this.log.push(`info ${JSON.stringify(fields)} ${text}`),
        warn: (fields, text) => this.log.push(`warn ${JSON.stringify(fields)} ${text}`),
      },
      now: () => startedMs + (performance.now() - startedMs) * this.haste,
      patience: IMPATIENT,
    });
    onTestFinished(() => this.runner.close());
  }

  own(counter: number): void {
    this.owner = { counter };
    this.runner.nudge();
  }

  lose(): void {
    this.owner = undefined;
    this.runner.nudge();
  }
}

function nodeOf({ url }: { url: string }, droplet: number): Node {
  const config: FloatingIpConfig = {
    provider: 'digitalocean',
    address: IP,
    url,
    metadataUrl: url,
    verifyIntervalMs: VERIFY_MS,
    tokenFile: '/etc/tiebreak/do.token',
    server: String(droplet),
  };
  return new Node(config, { kind: 'token', token: TOKEN });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

const isMine = (node: Node): boolean => node.runner.status.state === 'mine';

describe('a change of owner', () => {
  it('leads to one assignment, and each node says what it knows', async () => {
    const cloud = await during(start({ actionMs: 20 }));
    const [a, b] = [nodeOf(cloud, 101), nodeOf(cloud, 102)];
    a.own(1);
    await until(() => isMine(a));
    expect(cloud.assignedTo).toBe(101);
    expect(a.runner.status).toEqual({ address: IP, provider: 'digitalocean', state: 'mine', detail: null });
    expect(b.runner.status).toEqual({ address: IP, provider: 'digitalocean', state: 'idle', detail: null });
    a.lose();
    b.own(2);
    expect(a.runner.status.state).toBe('idle');
    await until(() => isMine(b));
    expect(cloud.assignments).toEqual([101, 102]);
    const fields = `{"group":"edge","address":"${IP}","provider":"digitalocean"}`;
    expect(b.log).toEqual([
      `info ${fields} the address is at droplet 101; it is assigned to this node`,
      `info ${fields} the address is ours`,
    ]);
  });

  it('leads to none if the address is there already', async () => {
    const cloud = await during(start({ assignedTo: 101 }));
    const node = nodeOf(cloud, 101);
    node.own(1);
    await until(() => isMine(node));
    expect(requestsOf(cloud)).toEqual([`GET /v2/reserved_ips/${IP}`]);
  });
});

describe('a node that does not own the group', () => {
  it('asks nothing, however often it is nudged', async () => {
    const cloud = await during(start());
    const node = nodeOf(cloud, 101);
    for (let nudge = 0; nudge < 20; nudge += 1) node.runner.nudge();
    await sleep(50);
    expect(cloud.calls).toEqual([]);
    expect(node.runner.status.state).toBe('idle');
  });

  it('gives up an assignment that the cloud is still at, and believes none of it', async () => {
    const cloud = await during(start({ actionMs: 60_000 }));
    const node = nodeOf(cloud, 101);
    node.own(1);
    await until(() => requestsOf(cloud).some((line) => line.startsWith('GET') && line.includes('/actions/')));
    node.lose();
    const asked = cloud.calls.length;
    await sleep(60);
    expect(cloud.calls).toHaveLength(asked);
    expect(node.runner.status.state).toBe('idle');
    expect(node.log.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  it('hangs up on a request that is under way', async () => {
    const cloud = await during(start());
    cloud.fail({ status: 200, body: '', delayMs: 60_000 });
    const node = nodeOf(cloud, 101);
    node.own(1);
    await until(() => cloud.calls.length === 1);
    node.lose();
    await until(() => cloud.cut() === 1);
  });

  it('asks nothing more from the very moment on, even if nobody tells it', async () => {
    const cloud = await during(start({ actionMs: 60_000 }));
    const node = nodeOf(cloud, 101);
    node.own(1);
    await until(() => requestsOf(cloud).some((line) => line.includes('/actions/')));
    node.owner = undefined;
    const asked = cloud.calls.length;
    await sleep(60);
    // One may have been on its way.
    expect(cloud.calls.length).toBeLessThanOrEqual(asked + 1);
    expect(node.runner.status.state).toBe('idle');
  });

  it('whatever the times: the cloud is asked by owners alone, one of them at a time', async () => {
    const turn = fc.record({ owner: fc.constantFrom('a', 'b', 'nobody'), waitMs: fc.integer({ min: 0, max: 12 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 2, maxLength: 10 }), async (turns) => {
        const cloud: DigitalOcean = await start({ actionMs: 4 });
        const [a, b] = [nodeOf(cloud, 101), nodeOf(cloud, 102)];
        try {
          for (const [index, { owner, waitMs }] of turns.entries()) {
            // Unannounced, as when the lease runs out.
            if (owner !== 'a') a.owner = undefined;
            if (owner !== 'b') b.owner = undefined;
            await sleep(0);
            const before = cloud.calls.length;
            if (owner === 'nobody') {
              await sleep(waitMs);
              // One of each may have been on its way.
              expect(cloud.calls.length - before).toBeLessThanOrEqual(2);
              continue;
            }
            (owner === 'a' ? a : b).own(index + 1);
            await sleep(waitMs);
          }
        } finally {
          a.runner.close();
          b.runner.close();
          await cloud.close();
        }
      }),
      { numRuns: 30 },
    );
  });
});

it('an owner repairs what somebody has moved', async () => {
  const cloud = await during(start({ assignedTo: 101 }));
  const node = nodeOf(cloud, 101);
  node.haste = 50;
  node.own(1);
  await until(() => isMine(node));
  cloud.move(102);
  // Its timers run by the clock on the wall; the nudge lets it see that its own is further.
  await sleep(150);
  node.runner.nudge();
  await until(() => cloud.assignments.length === 1);
  await until(() => isMine(node));
  expect(cloud.assignedTo).toBe(101);
  expect(node.log.at(-2)).toContain('warn');
  expect(node.log.at(-2)).toContain('the address is at droplet 102; it is assigned to this node again');
});

it('what goes wrong is in the status and in the log, without the token', async () => {
  const cloud = await during(start({ token: 'another-token-0123456789' }));
  const node = nodeOf(cloud, 101);
  node.own(1);
  await until(() => node.runner.status.detail !== null);
  expect(node.runner.status).toMatchObject({ state: 'unknown', detail: expect.stringContaining('HTTP 401') });
  expect(node.log).toEqual([
    expect.stringMatching(/^warn .*HTTP 401: Unable to authenticate you\..* the next try is in \d+ s$/),
  ]);
  expect(node.log.join()).not.toContain(TOKEN);
});

it('a token that has been replaced is read again when the cloud refuses the former one, and used at once', async () => {
  const renewed = 'another-token-0123456789';
  const cloud = await during(start({ token: renewed, assignedTo: 101 }));
  const node = nodeOf(cloud, 101);
  node.token = { kind: 'token', token: renewed };
  node.own(1);
  await until(() => isMine(node));
  expect(node.log.filter((line) => line.includes('which is used from now on'))).toHaveLength(1);
  expect(node.log.join()).not.toContain(renewed);
});

it('what goes wrong once is tried again by itself', async () => {
  const cloud = await during(start({ assignedTo: 101 }));
  cloud.fail(error(500, 'server_error', 'Unexpected server-side error'));
  const node = nodeOf(cloud, 101);
  node.own(1);
  await until(() => isMine(node));
  expect(cloud.calls).toHaveLength(2);
});

it('a closed one does nothing any more', async () => {
  const cloud = await during(start({ actionMs: 60_000 }));
  const node = nodeOf(cloud, 101);
  node.own(1);
  await until(() => cloud.assignments.length === 1);
  node.runner.close();
  node.runner.close();
  await sleep(20);
  const asked = cloud.calls.length;
  node.own(2);
  await sleep(50);
  expect(cloud.calls).toHaveLength(asked);
});

describe('with each other provider it is the same', () => {
  it('Hetzner', async () => {
    const cloud = await during(startHetzner({ assignedTo: 202, actionMs: 20 }));
    const base = { address: '203.0.113.20', url: cloud.url, metadataUrl: cloud.url, verifyIntervalMs: VERIFY_MS };
    const config: FloatingIpConfig = { ...base, provider: 'hetzner', tokenFile: '/t', server: null };
    const node = new Node(config, { kind: 'token', token: HETZNER_TOKEN });
    node.own(1);
    await until(() => isMine(node));
    expect(cloud.assignedTo).toBe(201);
  });

  it('AWS, which shows what was before for a while: no second assignment', async () => {
    const cloud = await during(startAws({ assignedTo: 'eni-0000000b', staleLooks: 1 }));
    const base = { address: '203.0.113.30', url: cloud.url, metadataUrl: cloud.url, verifyIntervalMs: VERIFY_MS };
    const place = { region: null, networkInterface: null, credentialsFile: null };
    const node = new Node({ ...base, ...place, provider: 'aws', kind: 'elastic_ip', privateAddress: null }, null);
    node.own(1);
    await until(() => isMine(node));
    expect(cloud.actions()).toEqual([
      'DescribeAddresses',
      'AssociateAddress',
      'DescribeAddresses',
      'DescribeAddresses',
    ]);
  });
});
