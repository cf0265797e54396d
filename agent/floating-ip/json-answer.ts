import type { z } from 'zod';
import type { ApiAnswer } from './api-client.ts';
import { type Failure, passing } from './provider.ts';

/** What an answer says, if it is JSON of the form that the cloud's API describes. */
export function readJson<T>(schema: z.ZodType<T>, answer: ApiAnswer, who: string): { ok: true; value: T } | Failure {
  try {
    const parsed = schema.safeParse(JSON.parse(answer.text));
    if (parsed.success) return { ok: true, value: parsed.data };
  } catch {
    // Below: no JSON is as bad as JSON of another form.
  }
  return passing(`${who} answers HTTP ${answer.status} with something that is not of its API; is 'url' right?`);
}
