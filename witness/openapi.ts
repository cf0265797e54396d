import { Name } from '@tiebreak/shared/wire';
import { z } from 'zod';
import { OPERATIONS, type Operation, SCHEMAS, type SchemaName } from './operations.ts';
import { type ProblemCode, statusOf } from './problem.ts';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

const CALLERS: Readonly<Record<Operation['caller'], readonly Json[]>> = {
  anyone: [],
  admin: [{ admin: [] }],
  node: [{ node: [] }],
  monitor: [{ monitor: [] }],
  reader: [{ admin: [] }, { node: [] }, { viewer: [] }],
};

/** As in its paths. */
const API_VERSION = '1';

/** The API's description (OpenAPI 3.1), from the schemas by which requests are checked. */
export function openApiDocument(): JsonObject {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: described(operation) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'tiebreak witness',
      version: API_VERSION,
      description: 'Votes on who owns a group of virtual addresses. Every error is a Problem (RFC 9457).',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    webhooks: {
      event: {
        post: {
          summary: 'An event, to a webhook of the cluster',
          description:
            'Signed by the Standard Webhooks scheme, with its headers webhook-id, -timestamp and -signature.',
          requestBody: {
            required: true,
            content: { 'application/json': { schema: reference('WebhookMessage') } },
          },
          responses: { '2XX': { description: 'taken' }, 410: { description: 'no more messages are wanted' } },
        },
      },
    },
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        admin: { type: 'http', scheme: 'bearer', description: 'the secret TIEBREAK_ADMIN_TOKEN' },
        viewer: { type: 'http', scheme: 'bearer', description: "a viewer's token, for reading alone" },
        monitor: { type: 'http', scheme: 'bearer', description: "an outside monitor's token, for reporting alone" },
        node: { type: 'http', scheme: 'bearer', description: "a node's token, as it was enrolled" },
      },
    },
  };
}

/** The codes of the problems that an operation may answer with. */
export function problemsOf({ path, caller, body, problems }: Operation): ProblemCode[] {
  return [
    'not_configured',
    'internal',
    ...(caller === 'anyone' ? [] : (['unauthorized', 'too_many_failures'] as const)),
    ...(caller === 'admin' ? (['admin_only'] as const) : []),
    ...(path.includes('{') ? (['bad_name'] as const) : []),
    ...(body === undefined ? [] : (['bad_request', 'too_large', 'too_slow'] as const)),
    ...problems,
  ];
}

function described(operation: Operation): JsonObject {
  const { path, summary, description, caller, query, body, answers } = operation;
  const parameters = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => ({
    name: name ?? '',
    in: 'path',
    required: true,
    schema: { type: 'string', pattern: NAME_PATTERN },
  }));
  const responses: Record<string, Json> = {};
  for (const [status, answer] of Object.entries(answers)) {
    responses[status] = {
      description: answer.description,
      ...(answer.schema === undefined ? {} : { content: { 'application/json': { schema: reference(answer.schema) } } }),
    };
  }
  for (const [status, codes] of byStatus(problemsOf(operation))) {
    const content = { 'application/problem+json': { schema: reference('Problem') } };
    const answered = answers[status];
    responses[status] =
      answered?.schema === undefined
        ? { description: `code: ${codes.join(', ')}`, content }
        : {
            description: `${answered.description}; or a problem, code: ${codes.join(', ')}`,
            content: { 'application/json': { schema: reference(answered.schema) }, ...content },
          };
  }
  return {
    summary,
    description,
    security: CALLERS[caller],
    parameters: [...parameters, ...queryParameters(query)],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: body.required,
            content: { 'application/json': { schema: reference(body.schema) } },
          },
        }),
    responses,
  };
}

const Properties = z.record(z.string(), z.record(z.string(), z.json()));

function queryParameters(query: Operation['query']): Json[] {
  if (query === undefined) return [];
  const { properties } = z.toJSONSchema(query, { io: 'input' });
  return Object.entries(Properties.parse(properties)).map(([name, { description = '', ...schema }]) => ({
    name,
    in: 'query',
    required: false,
    description,
    schema,
  }));
}

const NAME_PATTERN = `${z.toJSONSchema(Name).pattern ?? ''}`;

function byStatus(codes: readonly ProblemCode[]): Map<number, ProblemCode[]> {
  const grouped = new Map<number, ProblemCode[]>();
  for (const code of codes) grouped.set(statusOf(code), [...(grouped.get(statusOf(code)) ?? []), code]);
  return grouped;
}

function reference(name: SchemaName): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

const Schemas = z.record(z.string(), z.record(z.string(), z.json()));

/** The messages as JSON Schema, by their names. */
export function componentSchemas(): JsonObject {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(SCHEMAS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}` });
  const components: Record<string, JsonObject> = {};
  // What says where it lies, and in which dialect, is said by OpenAPI already.
  for (const [id, { $id, $schema, ...schema }] of Object.entries(Schemas.parse(schemas))) components[id] = schema;
  return components;
}
