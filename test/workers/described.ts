import { Problem } from '@tiebreak/shared/wire';
import { expect } from 'vitest';
import { problemsOf } from '../../witness/openapi.ts';
import { OPERATIONS, SCHEMAS } from '../../witness/operations.ts';

/** Holds an answer of the witness against the description of its API. */
export async function expectDescribed(method: string, path: string, response: Response): Promise<void> {
  const { pathname } = new URL(path, 'https://witness.test');
  const asked = `${method} ${pathname}: ${response.status}`;
  const operation = OPERATIONS.find(
    (known) => known.method === method.toLowerCase() && patternOf(known.path).test(pathname),
  );
  const answer = operation?.answers[response.status];
  const isProblem = response.headers.get('content-type') === 'application/problem+json';
  if (answer !== undefined && !isProblem) {
    if (answer.schema !== undefined)
      expect(SCHEMAS[answer.schema].parse(await response.clone().json()), asked).toBeDefined();
    return;
  }
  expect(isProblem, asked).toBe(true);
  const { code, status } = Problem.parse(await response.clone().json());
  expect(status, asked).toBe(response.status);
  const codes: readonly string[] =
    operation === undefined ? ['not_found', 'unauthorized', 'bad_name'] : problemsOf(operation);
  expect(codes, asked).toContain(code);
}

/** Any segment: whether it is a name is for the witness to say. */
function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`);
}
