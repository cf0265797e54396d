import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { DeliveriesPage, IssuedWebhook, Problem, WebhookMessage, WebhooksView } from '@tiebreak/shared/wire';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ADMIN, type Agent, type Cluster, call, type Draft, newCluster, put } from './cluster-fixture.ts';

const HOOK = 'https://hooks.example.com/ha';

type Received = { readonly url: string; readonly headers: Record<string, string>; readonly body: string };

let cluster: Cluster;
let a: Agent;
let received: Received[];
let answer: () => Response | Promise<Response>;
beforeEach(async () => {
  cluster = await newCluster('a', 'b');
  a = cluster.agent('a');
  received = [];
  answer = () => new Response(null, { status: 204 });
  vi.stubGlobal('fetch', async (url: string, { headers, body }: { headers: Record<string, string>; body: string }) => {
    received.push({ url, headers, body });
    return answer();
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const webhookPath = (name = 'pager') => `/v1/clusters/${cluster.name}/webhooks/${name}`;

async function hook(name = 'pager', body: Draft = {}): Promise<string> {
  const response = await put(webhookPath(name), ADMIN, { url: HOOK, ...body });
  expect([200, 201]).toContain(response.status);
  return IssuedWebhook.parse(await response.json()).secret;
}

/** What waits for it would be told while another test listens. */
async function unhook(name: string): Promise<void> {
  expect((await call(webhookPath(name), ADMIN, { method: 'DELETE' })).status).toBe(204);
}

let counter = 0;
/** An event of kind owner. */
async function ownerChanges(): Promise<void> {
  counter += 1;
  const ballot = { counter, node: 'a' };
  const node = cluster.agent(counter % 2 === 0 ? 'b' : 'a');
  const groups = [
    { group: 'edge', role: 'active', ballot: { ...ballot, node: node.node }, protected: true, reason: null },
  ];
  const link = await node.connect();
  await link.ask({ type: 'report', peers: [], groups, decisions: [], ...node.envelope() });
}

const alarm = () => runDurableObjectAlarm(cluster.stub);

async function deliveries(query = ''): Promise<DeliveriesPage['deliveries']> {
  const response = await call(`/v1/clusters/${cluster.name}/deliveries${query}`, ADMIN);
  return DeliveriesPage.parse(await response.json()).deliveries;
}

async function codeOf(response: Response): Promise<string> {
  return Problem.parse(await response.json()).code;
}

describe('a webhook', () => {
  it('is told of a change of owner, signed as Standard Webhooks wants it', async () => {
    const secret = await hook();
    await a.welcome();
    await ownerChanges();
    while (await alarm());
    const owner = received.find(({ body }) => body.includes('tiebreak.owner'));
    if (owner === undefined) throw new Error('nothing was received');
    expect(owner.url).toBe(HOOK);
    const message = WebhookMessage.parse(new Webhook(secret).verify(owner.body, owner.headers));
    expect(message.data).toMatchObject({ cluster: cluster.name, event: { kind: 'owner', group: 'edge' } });
    expect(() => new Webhook(secret).verify(owner.body.replace('edge', 'core'), owner.headers)).toThrow('signature');
    const [last] = await deliveries();
    expect(last).toMatchObject({ webhook: 'pager', state: 'delivered', attempts: 1, answer: '204', next_at: null });
  });

  it('is told only of the kinds that it wants', async () => {
    await hook('pager', { kinds: ['protection'] });
    await ownerChanges();
    while (await alarm());
    expect(received).toEqual([]);
    expect(await deliveries()).toEqual([]);
  });

  it('that fails is asked again with the same message, later and later, and in the end no more', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await hook('pager', { kinds: ['owner'] });
    answer = () => new Response('no', { status: 500 });
    await ownerChanges();
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 13; attempt += 1) {
      await alarm();
      const [delivery] = await deliveries();
      expect(delivery).toMatchObject({ attempts: attempt, answer: '500' });
      if (delivery?.next_at == null) break;
      const waitMs = Date.parse(delivery.next_at) - Date.now();
      waits.push(waitMs);
      vi.setSystemTime(Date.now() + waitMs);
    }
    expect(received).toHaveLength(13);
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
    expect(waits).toEqual([...waits].sort((left, right) => left - right));
    expect(waits[0]).toBeGreaterThanOrEqual(5_000);
    const days = waits.reduce((sum, wait) => sum + wait, 0) / 86_400_000;
    expect(days).toBeGreaterThan(3);
    expect((await deliveries())[0]).toMatchObject({ state: 'given_up', attempts: 13 });
    expect(await alarm()).toBe(false);
  });

  it('gets what was lost in between: the object was evicted, the network failed, a redirect came', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await hook('pager', { kinds: ['owner'] });
    await ownerChanges();
    await evictDurableObject(cluster.stub);
    const answers = [
      () => Promise.reject(new TypeError('network connection lost')),
      () => new Response(null, { status: 302, headers: { location: 'http://169.254.169.254/' } }),
      () => new Response(null, { status: 200 }),
    ];
    for (const one of answers) {
      answer = one;
      await alarm();
      vi.setSystemTime(Date.now() + 3_600_000);
    }
    expect(received.map(({ url }) => url)).toEqual([HOOK, HOOK, HOOK]);
    expect(await deliveries()).toMatchObject([{ state: 'delivered', attempts: 3 }]);
  });

  it('that cannot be reached, or must not be, is told of in words', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await hook('pager', { kinds: ['owner'] });
    await ownerChanges();
    for (const [failure, words] of [
      [new Error('internal error; reference = abc'), 'no connection, or not allowed to that address'],
      [new DOMException('', 'TimeoutError'), 'no answer within 10 s'],
    ] as const) {
      answer = () => Promise.reject(failure);
      await alarm();
      expect((await deliveries())[0]?.answer).toBe(words);
      vi.setSystemTime(Date.now() + 3_600_000);
    }
  });

  it('that hangs holds neither votes nor the other webhooks up', async () => {
    await hook('slow', { kinds: ['owner'] });
    await hook('quick', { kinds: ['owner'], url: 'https://quick.example.com/' });
    answer = () =>
      received.at(-1)?.url === HOOK
        ? new Promise((resolve) => setTimeout(() => resolve(new Response(null)), 500))
        : new Response(null);
    await ownerChanges();
    const ringing = alarm();
    await vi.waitFor(async () => expect((await deliveries('?webhook=quick'))[0]?.state).toBe('delivered'));
    await a.welcome();
    expect(await a.ask(a.vote(1_000))).toMatchObject({ kind: 'granted' });
    expect((await deliveries('?webhook=slow'))[0]?.state).toBe('waiting');
    await ringing;
    expect((await deliveries('?webhook=slow'))[0]?.state).toBe('delivered');
  });

  it('that has much to be told is told it by several alarms, each of which ends in time', async () => {
    await hook();
    await a.welcome();
    const [link, most] = [await a.connect(), 60];
    for (let count = 1; count <= most; count += 1) {
      const node = count % 2 === 0 ? 'a' : 'b';
      const group = {
        group: `g${count}`,
        role: 'active',
        ballot: { counter: 1, node: 'a' },
        protected: true,
        reason: node,
      };
      await link.ask({ type: 'report', peers: [], groups: [group], decisions: [], ...a.envelope() });
    }
    const told: number[] = [];
    while (await alarm()) {
      told.push(received.length);
      received = [];
    }
    expect(Math.max(...told)).toBe(40);
    expect(told.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(most);
    expect((await deliveries('?limit=100')).every(({ state }) => state === 'delivered')).toBe(true);
  });

  it('that fails is asked for one message at a time, and one that does not is told beside it', async () => {
    await hook('broken', { url: 'https://broken.example.com/' });
    await hook();
    await a.welcome();
    const underWay = { broken: 0, most: 0 };
    vi.stubGlobal('fetch', async (url: string) => {
      if (!url.includes('broken')) return new Response(null);
      underWay.broken += 1;
      underWay.most = Math.max(underWay.most, underWay.broken);
      await new Promise((resolve) => setTimeout(resolve, 20));
      underWay.broken -= 1;
      return new Response(null, { status: 503 });
    });
    await ownerChanges();
    await alarm();
    underWay.most = 0;
    for (let count = 0; count < 4; count += 1) await ownerChanges();
    await alarm();
    expect(underWay.most).toBe(1);
    const all = await deliveries('?limit=100');
    expect(all.filter(({ webhook }) => webhook === 'pager').every(({ state }) => state === 'delivered')).toBe(true);
    await unhook('broken');
  });

  it('is told beside five that fail, however much waits for those', async () => {
    for (let count = 1; count <= 5; count += 1)
      await hook(`dead${count}`, { url: `https://dead${count}.example.com/` });
    await hook();
    await a.welcome();
    vi.stubGlobal('fetch', async (url: string) => new Response(null, { status: url.includes('dead') ? 503 : 204 }));
    for (let count = 0; count < 30; count += 1) await ownerChanges();
    for (let rung = 0; rung < 3; rung += 1) await alarm();
    const told = await deliveries('?webhook=pager&limit=100');
    expect(told.filter(({ state }) => state === 'delivered').length).toBeGreaterThan(20);
    for (let count = 1; count <= 5; count += 1) await unhook(`dead${count}`);
  });

  it('of a cluster that is retired while it is told leaves nothing behind', async () => {
    await hook('pager', { kinds: ['owner'] });
    answer = () => new Promise((resolve) => setTimeout(() => resolve(new Response(null)), 300));
    await ownerChanges();
    const ringing = alarm();
    await vi.waitFor(() => expect(received).toHaveLength(1));
    expect((await call(`/v1/clusters/${cluster.name}`, ADMIN, { method: 'DELETE' })).status).toBe(204);
    await ringing;
    const left = await runInDurableObject(cluster.stub, (_, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray(),
    );
    expect(left).toEqual([]);
  });

  it('that answers 410 is told nothing more until it is put again', async () => {
    await hook('pager', { kinds: ['owner'] });
    answer = () => new Response(null, { status: 410 });
    await ownerChanges();
    await alarm();
    await ownerChanges();
    expect(await alarm()).toBe(false);
    expect(received).toHaveLength(1);
    const listed = await call(`/v1/clusters/${cluster.name}/webhooks`, ADMIN);
    expect(WebhooksView.parse(await listed.json()).webhooks).toMatchObject([
      { webhook: 'pager', state: 'gone', waiting: 0 },
    ]);
    await hook('pager', { kinds: ['owner'] });
    await ownerChanges();
    await alarm();
    expect(received).toHaveLength(2);
  });

  it('with a new secret still gets signatures by the former one, for a day', async () => {
    const kinds = ['owner'];
    const former = await hook('pager', { kinds });
    const latter = await hook('pager', { kinds });
    await ownerChanges();
    await alarm();
    const [first] = received;
    for (const secret of [former, latter]) {
      expect(() => new Webhook(secret).verify(first?.body ?? '', first?.headers ?? {})).not.toThrow();
    }
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25 * 3_600_000 });
    await a.welcome();
    await ownerChanges();
    await alarm();
    const last = received.at(-1);
    expect(() => new Webhook(latter).verify(last?.body ?? '', last?.headers ?? {})).not.toThrow();
    expect(() => new Webhook(former).verify(last?.body ?? '', last?.headers ?? {})).toThrow();
  });

  it('that was removed gets nothing, also of what waited', async () => {
    await hook('pager', { kinds: ['owner'] });
    await ownerChanges();
    expect((await call(webhookPath(), ADMIN, { method: 'DELETE' })).status).toBe(204);
    while (await alarm());
    expect(received).toEqual([]);
    expect(await deliveries()).toMatchObject([{ state: 'given_up', attempts: 0 }]);
    expect(await codeOf(await call(webhookPath(), ADMIN, { method: 'DELETE' }))).toBe('unknown_webhook');
  });

  it("shares the one alarm with the votes: neither displaces the other's", async () => {
    await hook('pager', { kinds: ['owner'] });
    await a.welcome();
    expect(await a.ask(a.vote(2_000))).toMatchObject({ kind: 'granted' });
    await ownerChanges();
    expect(await alarm()).toBe(true);
    expect(received).toHaveLength(1);
    // The vote is still held: the alarm that stands behind it is there again.
    expect(await alarm()).toBe(true);
  });
});

describe('a webhook is refused', () => {
  it.each([
    ['http://hooks.example.com/', 'webhook_not_https'],
    ['hooks.example.com', 'webhook_no_url'],
    ['https://user:secret@hooks.example.com/', 'webhook_has_credentials'],
    ['https://127.0.0.1/', 'webhook_not_public'],
    ['https://localhost/', 'webhook_not_public'],
    ['https://[::1]/', 'webhook_not_public'],
    ['https://169.254.169.254/latest/meta-data', 'webhook_not_public'],
  ])('to %s', async (url, code) => {
    expect(await codeOf(await put(webhookPath(), ADMIN, { url }))).toBe(code);
  });

  it('of anyone but the admin, and beyond eight of them', async () => {
    expect(await codeOf(await put(webhookPath(), a.token, { url: HOOK }))).toBe('admin_only');
    expect(await codeOf(await call(`/v1/clusters/${cluster.name}/webhooks`, a.token))).toBe('admin_only');
    for (let count = 0; count < 8; count += 1) await hook(`w${count}`);
    expect(await codeOf(await put(webhookPath('w8'), ADMIN, { url: HOOK }))).toBe('too_many_webhooks');
  });
});
