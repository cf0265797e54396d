import { z } from 'zod';

/** What of JSON Schema the API's messages use. */
const Schema = z.object({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  description: z.string().optional(),
  enum: z.array(z.json()).optional(),
  const: z.json().optional(),
  get properties() {
    return z.record(z.string(), Schema).optional();
  },
  required: z.array(z.string()).optional(),
  get items() {
    return Schema.optional();
  },
  get additionalProperties() {
    return z.union([z.boolean(), Schema]).optional();
  },
  get anyOf() {
    return z.array(Schema).optional();
  },
  get oneOf() {
    return z.array(Schema).optional();
  },
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  pattern: z.string().optional(),
  format: z.string().optional(),
});
export type Schema = z.infer<typeof Schema>;

export const Schemas = z.record(z.string(), Schema);

/** A schema in a line, with links to those that it refers to. */
export function SchemaType({ schema }: { schema: Schema }) {
  const { $ref, type, enum: values, const: value, items, anyOf, oneOf, properties } = schema;
  if ($ref !== undefined) return <SchemaLink name={$ref.slice($ref.lastIndexOf('/') + 1)} />;
  if (value !== undefined) return <code>{JSON.stringify(value)}</code>;
  if (values !== undefined) return <code>{values.map((one) => JSON.stringify(one)).join(' | ')}</code>;
  const choices = anyOf ?? oneOf;
  if (choices !== undefined) {
    return choices.map((choice, index) => (
      <>
        {index === 0 ? '' : ' or '}
        <SchemaType schema={choice} />
      </>
    ));
  }
  if (items !== undefined) {
    return (
      <>
        list of <SchemaType schema={items} />
      </>
    );
  }
  if (properties !== undefined) return <Fields schema={schema} />;
  return (
    <>
      {[type ?? 'any'].flat().join(' or ')}
      <Limits schema={schema} />
    </>
  );
}

function Limits({ schema: { minimum, maximum, pattern, format } }: { schema: Schema }) {
  // What every integer of JavaScript is bounded by says nothing.
  const most = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  const least = minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  if (least !== undefined && most !== undefined) return ` from ${least} to ${most}`;
  if (least !== undefined) return ` from ${least}`;
  if (format !== undefined) return `, ${format}`;
  return pattern === undefined ? '' : <span class="pattern"> {pattern}</span>;
}

export function SchemaLink({ name }: { name: string }) {
  return <a href={`#${name}`}>{name}</a>;
}

export function Fields({ schema: { properties = {}, required = [] } }: { schema: Schema }) {
  return (
    <table>
      <tbody>
        {Object.entries(properties).map(([name, field]) => (
          <tr>
            <th scope="row">
              <code>{name}</code>
              {required.includes(name) ? '' : ' (optional)'}
            </th>
            <td>
              <SchemaType schema={field} />
              {field.description === undefined ? '' : <p>{field.description}</p>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
