import { Webhook } from 'standardwebhooks';
import type { Outcome } from './retry.ts';

const ANSWER_WITHIN_MS = 10_000;

export type Message = { readonly id: string; readonly text: string };

/**
 * One attempt, signed by the Standard Webhooks scheme: with the former secret as well, while that is still good. Redirects are
 * not followed: they could lead where a webhook must not.
 *
 * @param secrets `whsec_…`, at least one
 */
export async function postMessage(
  url: string,
  { id, text }: Message,
  secrets: readonly string[],
  nowMs: number,
): Promise<Outcome> {
  try {
    const now = new Date(nowMs);
    const signatures = secrets.map((secret) => new Webhook(secret).sign(id, now, text));
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'tiebreak-witness',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(nowMs / 1_000)),
        'webhook-signature': signatures.join(' '),
      },
      body: text,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    // What it says is of no use, and may be endless.
    await response.body?.cancel();
    return { kind: 'answered', status: response.status };
  } catch (error) {
    return { kind: 'failed', reason: failureText(error) };
  }
}

function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer within 10 s';
  // So the runtime calls it, besides failures of its own, if a name leads to an address that it may not connect to.
  if (error.message.startsWith('internal error')) return 'no connection, or not allowed to that address';
  return error.message;
}
