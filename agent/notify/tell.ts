import { Webhook } from 'standardwebhooks';
import { request } from 'undici';
import { failureText } from '../failure-text.ts';
import { identifyProgram, programProblem, runProgram, type StartedProgram } from '../program/index.ts';
import { environmentOf, type GroupChange, keepalivedArguments, webhookBody } from './change.ts';
import type { Attempted } from './queue.ts';
import type { CommandTarget, Receiver, WebhookTarget } from './receiver.ts';

const GONE = 410;
const ANSWER_BYTES_MAX = 16_384;

/**
 * Tells a receiver of a change, once. Never rejects. `running` is aborted when the agent does not wait any longer; `onProgram`
 * hears at once of a program that was started for it.
 */
export function tell(
  { target, timeoutMs }: Receiver,
  change: GroupChange,
  attempt: number,
  running: AbortSignal,
  onProgram: (program: StartedProgram) => void,
): Promise<Attempted> {
  switch (target.kind) {
    case 'command':
      return tellCommand(target, timeoutMs, change, attempt, running, onProgram);
    case 'webhook':
      return tellWebhook(target, timeoutMs, change, running);
  }
}

async function tellCommand(
  target: CommandTarget,
  timeoutMs: number,
  change: GroupChange,
  attempt: number,
  running: AbortSignal,
  onProgram: (program: StartedProgram) => void,
): Promise<Attempted> {
  // Looked at each time: what was safe at the start may have been opened to others since.
  const problem = programProblem(target.program);
  if (problem !== undefined) return { kind: 'failed', text: problem };
  const extra = target.keepalivedArguments ? keepalivedArguments(change) : [];
  const { pid, ended, over } = runProgram(
    {
      program: target.program,
      arguments: [...target.arguments, ...extra],
      environment: environmentOf(change, attempt),
      timeoutMs,
    },
    running,
  );
  const program = pid === undefined ? undefined : identifyProgram(pid);
  if (program !== undefined) onProgram(program);
  const { ok, detail } = await ended;
  // One at a time, also for one that does not end by SIGKILL.
  await over;
  return ok ? { kind: 'told' } : { kind: 'failed', text: detail };
}

async function tellWebhook(
  { url, secret }: WebhookTarget,
  timeoutMs: number,
  change: GroupChange,
  running: AbortSignal,
): Promise<Attempted> {
  const late = AbortSignal.timeout(timeoutMs);
  const body = webhookBody(change);
  try {
    const { statusCode, body: answer } = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'tiebreak', ...headersOf(change.id, body, secret) },
      body,
      signal: AbortSignal.any([late, running]),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      reset: true,
    });
    // What it says is of no use, and may be endless: it is read beside, so that the connection ends in good order.
    void answer.dump({ limit: ANSWER_BYTES_MAX }).catch(() => {});
    if (statusCode >= 200 && statusCode <= 299) return { kind: 'told' };
    return { kind: 'failed', text: `HTTP ${statusCode}`, final: statusCode === GONE };
  } catch (error) {
    return { kind: 'failed', text: late.aborted ? `no answer within ${timeoutMs} ms` : failureText(error) };
  }
}

/** Standard Webhooks; without a secret there is nothing to sign with. */
function headersOf(id: string, body: string, secret: string | null): Readonly<Record<string, string>> {
  const now = new Date();
  const headers = { 'webhook-id': id, 'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)) };
  return secret === null ? headers : { ...headers, 'webhook-signature': new Webhook(secret).sign(id, now, body) };
}
