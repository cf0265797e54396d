import { expect, it } from 'vitest';
import { z } from 'zod';
import { app } from '../../witness/app.ts';
import { OPERATIONS, SCHEMAS } from '../../witness/operations.ts';
import { ADMIN, call } from './cluster-fixture.ts';

const Document = z.object({
  openapi: z.string(),
  paths: z.record(z.string(), z.record(z.string(), z.object({ responses: z.record(z.string(), z.unknown()) }).loose())),
  components: z.object({ schemas: z.record(z.string(), z.record(z.string(), z.unknown())) }).loose(),
});

async function described(): Promise<z.infer<typeof Document>> {
  return Document.parse(await (await call('/openapi.json', null)).json());
}

it('describes every route that the witness has for programs, and no other', () => {
  const routes = app.routes
    // What has no method of its own is middleware; what is below /clusters is for people.
    .filter(({ method, path }) => method !== 'ALL' && !path.startsWith('/clusters/'))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
  const operations = OPERATIONS.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  expect([...new Set(routes)].sort()).toEqual(operations.sort());
});

it('is OpenAPI 3.1 whose references all lead somewhere', async () => {
  const document = await described();
  expect(document.openapi).toMatch(/^3\.1\./);
  expect(Object.keys(document.components.schemas).sort()).toEqual(Object.keys(SCHEMAS).sort());
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, to]) => to ?? '');
  expect(references.length).toBeGreaterThan(20);
  for (const to of references) {
    expect(document.components.schemas).toHaveProperty([to.replace('#/components/schemas/', '')]);
  }
});

it('names each schema once, where others are made of it', async () => {
  const { components } = await described();
  expect(components.schemas.Cluster).toMatchObject({
    type: 'object',
    additionalProperties: false,
    properties: { groups: { items: { $ref: '#/components/schemas/Group' } } },
  });
  expect(components.schemas.WitnessRequest).toMatchObject({
    oneOf: expect.arrayContaining([{ $ref: '#/components/schemas/VoteRequest' }]),
  });
});

it('tells of every operation who may call it and what goes wrong', async () => {
  const { paths } = await described();
  const vote = paths['/v1/clusters/{cluster}/groups/{group}/vote']?.post;
  expect(vote).toMatchObject({ security: [{ node: [] }], requestBody: { required: true } });
  expect(Object.keys(vote?.responses ?? {}).sort()).toEqual([
    '200',
    '400',
    '401',
    '408',
    '409',
    '413',
    '429',
    '500',
    '503',
  ]);
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, { security }] of Object.entries(operations)) {
      if (!path.startsWith('/v1/')) expect(security).toEqual([]);
      else
        expect([method, path, (await call(path.replace(/\{\w+\}/g, 'x'), null, { method })).status]).toEqual([
          method,
          path,
          401,
        ]);
    }
  }
});

it('is there for everyone, but changes nothing and takes nothing', async () => {
  for (const token of [null, ADMIN]) expect((await call('/openapi.json', token)).status).toBe(200);
  expect((await call('/openapi.json', ADMIN, { method: 'POST' })).status).toBe(404);
});
