import { componentSchemas, problemsOf } from '../openapi.ts';
import { OPERATIONS, type Operation } from '../operations.ts';
import { PROBLEMS } from '../problem.ts';
import { Page } from './page.tsx';
import { SchemaLink, Schemas, SchemaType } from './schema-type.tsx';

const CALLERS: Readonly<Record<Operation['caller'], string>> = {
  anyone: 'Anyone.',
  admin: 'The admin.',
  node: 'A node of the cluster.',
  monitor: 'An outside monitor of the cluster.',
  reader: 'The admin, a node of the cluster, or a viewer of it.',
};

/** The API for people: from the same table and the same schemas as its OpenAPI description. */
export function ReferencePage({ nonce }: { nonce: string }) {
  return (
    <Page title="The witness API" nonce={nonce}>
      <p>
        Version 1. For programs: <a href="/openapi.json">OpenAPI 3.1</a>. The admin shows the secret{' '}
        <code>TIEBREAK_ADMIN_TOKEN</code>, a node the token that it was enrolled with:{' '}
        <code>Authorization: Bearer TOKEN</code>. Bodies are JSON, 64 KiB at most.
      </p>
      <h2>Operations</h2>
      {OPERATIONS.map((operation) => (
        <OperationSection operation={operation} />
      ))}
      <h2>Messages</h2>
      {Object.entries(Schemas.parse(componentSchemas())).map(([name, schema]) => (
        <section id={name}>
          <h3>{name}</h3>
          <SchemaType schema={schema} />
        </section>
      ))}
      <h2>Problems</h2>
      <p>
        Every error is a <SchemaLink name="Problem" /> (RFC 9457), with one of these codes.
      </p>
      <table>
        <tbody>
          {Object.entries(PROBLEMS).map(([code, [status, title, detail]]) => (
            <tr id={`problem-${code}`}>
              <th scope="row">
                <code>{code}</code>
              </th>
              <td>
                {status} {title}: {detail}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Page>
  );
}

function OperationSection({ operation }: { operation: Operation }) {
  const { method, path, summary, description, caller, body, answers } = operation;
  return (
    <section>
      <h3>
        <code>
          {method.toUpperCase()} {path}
        </code>
      </h3>
      <p>
        <strong>{summary}.</strong> {description}
      </p>
      <dl>
        <dt>Who</dt>
        <dd>{CALLERS[caller]}</dd>
        {body === undefined ? (
          ''
        ) : (
          <>
            <dt>Body</dt>
            <dd>
              <SchemaLink name={body.schema} />
              {body.required ? '' : ' (optional)'}
            </dd>
          </>
        )}
        {Object.entries(answers).map(([status, { description: meaning, schema }]) => (
          <>
            <dt>{status}</dt>
            <dd>
              {meaning}
              {schema === undefined ? (
                ''
              ) : (
                <>
                  : <SchemaLink name={schema} />
                </>
              )}
            </dd>
          </>
        ))}
        <dt>Problems</dt>
        <dd>
          {problemsOf(operation).map((code, index) => (
            <>
              {index === 0 ? '' : ', '}
              <a href={`#problem-${code}`}>{code}</a>
            </>
          ))}
        </dd>
      </dl>
    </section>
  );
}
