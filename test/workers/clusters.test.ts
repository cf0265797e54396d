import { env } from 'cloudflare:workers';
import { ClustersPage, Problem } from '@tiebreak/shared/wire';
import { expect, it } from 'vitest';
import { app } from '../../witness/app.ts';
import { ADMIN, call, newCluster, put } from './cluster-fixture.ts';

async function page(path: string): Promise<ClustersPage> {
  const response = await call(path, ADMIN);
  expect(response.status).toBe(200);
  return ClustersPage.parse(await response.json());
}

it('lists the clusters by name, page by page, each once', async () => {
  const names = ['c', 'a', 'b'].map((letter) => `listed-${letter}-${crypto.randomUUID()}`);
  for (const name of names) await put(`/v1/clusters/${name}`, ADMIN, { location_hint: 'weur' });
  await put(`/v1/clusters/${names[0]}`);
  const first = await page('/v1/clusters?after=listed&limit=2');
  expect(first.clusters).toMatchObject([names[1], names[2]].map((cluster) => ({ cluster, location_hint: 'weur' })));
  const second = await page(first.next ?? '');
  expect(second.clusters.map(({ cluster }) => cluster).filter((cluster) => cluster.startsWith('listed'))).toEqual([
    names[0],
  ]);
});

it('is for the admin alone', async () => {
  const cluster = await newCluster('a');
  expect((await call('/v1/clusters', cluster.agent('a').token)).status).toBe(403);
  const response = await call('/v1/clusters?limit=2000', ADMIN);
  expect(Problem.parse(await response.json()).code).toBe('bad_query');
});

it('lets an address show bad tokens sixty times, and a node behind the same address in all the same', async () => {
  const cluster = await newCluster('a');
  // Past the runtime's own front, which would take the header away.
  const ask = async (token: string, address = '203.0.113.7') => {
    const headers = { authorization: `Bearer ${token}`, 'cf-connecting-ip': address };
    return (await app.request(`/v1/clusters/${cluster.name}`, { headers }, env)).status;
  };
  const { token } = cluster.agent('a');
  expect(await ask(token)).toBe(200);
  const statuses: number[] = [];
  for (let index = 0; index < 70; index += 1) statuses.push(await ask(`tbn1.${'0'.repeat(32)}.${'0'.repeat(64)}`));
  expect(statuses.slice(0, 60)).toEqual(Array.from({ length: 60 }, () => 401));
  expect(statuses).toContain(429);
  expect(await ask(token)).toBe(200);
  expect(await ask('guess')).toBe(429);
  expect(await ask('guess', '203.0.113.8')).toBe(401);
  const body = new URLSearchParams({ token: 'guess' });
  const headers = { 'cf-connecting-ip': '203.0.113.7' };
  const signIn = await app.request(`/clusters/${cluster.name}/sign-in`, { method: 'POST', headers, body }, env);
  expect(signIn.status).toBe(429);
});
