import { exports } from 'cloudflare:workers';
import { ClusterEvent, IssuedViewerToken } from '@tiebreak/shared/wire';
import { beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, type Agent, type Cluster, type Draft, Link, newCluster, put, Upgraded } from './cluster-fixture.ts';

const ORIGIN = 'https://witness.test';

let cluster: Cluster;
let a: Agent;
let page: string;
beforeEach(async () => {
  cluster = await newCluster('a', 'b');
  a = cluster.agent('a');
  page = `/clusters/${cluster.name}`;
});

function visit(path: string, init: RequestInit = {}): Promise<Response> {
  return exports.default.fetch(`${ORIGIN}${path}`, { redirect: 'manual', ...init });
}

async function viewerToken(of = cluster): Promise<string> {
  const issued = await put(`/v1/clusters/${of.name}/viewers/wall`);
  return IssuedViewerToken.parse(await issued.json()).token;
}

function signIn(token: string, path = page): Promise<Response> {
  return visit(`${path}/sign-in`, { method: 'POST', body: new URLSearchParams({ token }) });
}

/** The cookie as a browser sends it back. */
async function cookie(): Promise<string> {
  const response = await signIn(await viewerToken());
  return (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

async function shown(query = ''): Promise<string> {
  const response = await visit(page + query, { headers: { cookie: await cookie() } });
  expect(response.status).toBe(200);
  return response.text();
}

it('refuses a form that is none, as what it is', async () => {
  const headers = { 'content-type': 'multipart/form-data' };
  const response = await visit(`${page}/sign-in`, { method: 'POST', body: '{}', headers });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ code: 'bad_request' });
});

function report(agent: Agent, more: Draft): Draft {
  return { type: 'report', peers: [], groups: [], decisions: [], ...more, ...agent.envelope() };
}

function groupAs(role: string, reason: string | null = null): Draft {
  return { group: 'edge', role, ballot: { counter: 3, node: 'a' }, protected: reason === null, reason };
}

describe('who has not signed in', () => {
  it('is asked for a token, and sees nothing of the cluster, whether there is one or not', async () => {
    const response = await visit(page);
    expect(response.status).toBe(401);
    const there = await response.text();
    const notThere = await (await visit('/clusters/nowhere')).text();
    const nameless = (html: string, name: string) => html.replaceAll(name, 'X').replace(/nonce="[^"]*"/g, '');
    expect(nameless(there, cluster.name)).toBe(nameless(notThere, 'nowhere'));
  });

  it.each([
    ['no token', async () => ''],
    ["the admin's", async () => ADMIN],
    ["a node's", async () => a.token],
    ["another cluster's", async () => viewerToken(await newCluster('a'))],
    ['something else', async () => 'tbv1.<script>alert(1)</script>'],
  ])('does not get in with %s', async (_, token) => {
    const response = await signIn(await token());
    expect(response.status).toBe(401);
    expect(response.headers.get('set-cookie')).toBeNull();
    const html = await response.text();
    expect(html).toContain('This is no token of a viewer of this cluster.');
    expect(html).not.toContain('alert(1)');
  });

  it('does not get in by the cookie of a token that was revoked, and loses it', async () => {
    const kept = await cookie();
    await put(`/v1/clusters/${cluster.name}/viewers/wall`);
    const response = await visit(page, { headers: { cookie: kept } });
    expect(response.status).toBe(401);
    expect(response.headers.get('set-cookie')).toMatch(/^tiebreak=;.*Max-Age=0/);
  });

  it('is led nowhere else', async () => {
    const response = await signIn(await viewerToken(), `${page}/../../clusters/${cluster.name}`);
    expect(response.headers.get('location')).toBe(page);
    const elsewhere = await visit(`//evil.example${page}`);
    expect(elsewhere.status).toBe(404);
    expect((await visit(`${page}?next=//evil.example`, { headers: { cookie: await cookie() } })).status).toBe(400);
  });
});

describe('who has signed in', () => {
  it('has a cookie that no script reads, no other site sends and no other path gets', async () => {
    const response = await signIn(`  ${await viewerToken()}\n`);
    expect([response.status, response.headers.get('location')]).toEqual([303, page]);
    const set = response.headers.get('set-cookie') ?? '';
    for (const part of [`Path=${page}`, 'HttpOnly', 'Secure', 'SameSite=Strict']) expect(set).toContain(part);
  });

  it('can sign out', async () => {
    const response = await visit(`${page}/sign-out`, { method: 'POST', headers: { cookie: await cookie() } });
    expect(response.status).toBe(303);
    expect(response.headers.get('set-cookie')).toMatch(/^tiebreak=;.*Max-Age=0/);
  });

  it('sees groups, votes, who hears whom and what happened', async () => {
    const link = await a.connect();
    await link.ask(a.hello());
    await link.ask(a.vote(3));
    await link.ask(report(a, { groups: [groupAs('active')], peers: [{ node: 'b', state: 'silent', rtt_ms: null }] }));
    const html = await shown();
    expect(html).toContain('<td class="owner">a</td><td>a, for 5.0 s more</td><td>active</td>');
    expect(html).toContain('<td id="a-hears-b" class="bad">no</td>');
    expect(html).toContain('<td id="b-hears-a" class="soft">not known</td>');
    for (const text of ['edge: a owns it (ballot 3.a)', 'a does not hear b', 'edge: the witness votes for a']) {
      expect(html).toContain(text);
    }
  });

  it('sees what a node says as text, whatever it is', async () => {
    await a.welcome();
    await a.ask(report(a, { groups: [groupAs('active', '"><script>alert(1)</script><img src=x onerror=alert(1)>')] }));
    const html = await shown();
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html).not.toContain('<script>alert');
    expect(html).not.toContain('<img');
    expect(html.match(/<script/g)).toHaveLength(1);
  });

  it('reads older events on pages of their own', async () => {
    await a.welcome();
    for (let counter = 1; counter <= 30; counter += 1) {
      await a.ask(a.vote(counter));
      await a.ask(a.release(counter));
    }
    const first = await shown();
    const older = /<a href="\/clusters\/[^"?]*(\?before=\d+)">Older/.exec(first)?.[1] ?? '';
    const second = await shown(older);
    const texts = (html: string) => [...html.matchAll(/<time datetime="[^"]*">/g)].length;
    expect(texts(first)).toBe(50);
    expect(texts(second)).toBeGreaterThan(10);
    expect(second).not.toContain('Older');
  });

  it('runs the script of the page alone, and what it may reach is this witness', async () => {
    const response = await visit(page, { headers: { cookie: await cookie() } });
    const policy = response.headers.get('content-security-policy') ?? '';
    const nonce = /<script nonce="([^"]+)">/.exec(await response.text())?.[1] ?? 'none';
    for (const part of [
      "default-src 'none'",
      `script-src 'nonce-${nonce}'`,
      "connect-src 'self'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ]) {
      expect(policy).toContain(part);
    }
    expect(response.headers.get('cache-control')).toBe('no-store');
  });
});

describe("the page's stream", () => {
  const stream = (headers: Record<string, string>) =>
    visit(`${page}/events`, { headers: { upgrade: 'websocket', host: 'witness.test', ...headers } });

  it('tells the page of each event', async () => {
    const response = await stream({ cookie: await cookie(), origin: ORIGIN });
    expect(response.status).toBe(101);
    const open = new Link(a, Upgraded.parse(response).webSocket);
    await a.welcome();
    expect(ClusterEvent.parse(JSON.parse(await open.next())).text).toBe('a is heard');
  });

  it.each([
    ['without a cookie', async () => ({ origin: ORIGIN })],
    ['from another site', async () => ({ cookie: await cookie(), origin: 'https://evil.example' })],
    ['from nowhere', async () => ({ cookie: await cookie() })],
    ['from what is no origin', async () => ({ cookie: await cookie(), origin: 'null' })],
    ["with a node's token", async () => ({ cookie: `tiebreak=${a.token}`, origin: ORIGIN })],
    ["with the admin's token", async () => ({ cookie: `tiebreak=${ADMIN}`, origin: ORIGIN })],
  ])('is refused %s', async (_, headers) => {
    expect((await stream(await headers())).status).toBe(401);
  });

  it('is a WebSocket, or nothing', async () => {
    expect((await visit(`${page}/events`, { headers: { cookie: await cookie() } })).status).toBe(426);
  });
});
