import { Agent, type Dispatcher, request } from 'undici';
import type { ProbedCheckConfig } from '../config/index.ts';
import { failureText } from '../failure-text.ts';
import type { HealthSaid } from './check-view.ts';
import { failed, timedOut } from './outcome.ts';

type HttpCheck = Extract<ProbedCheckConfig, { kind: 'http' }>;

/** What of an answer is searched for `body`. */
const BODY_BYTES_MAX = 64 * 1024;
/** Codes of OpenSSL and of Node for a certificate that does not prove who answers. */
const CERTIFICATE_CODES = /CERT|ERR_TLS|UNABLE_TO|SELF_SIGNED/;

/**
 * Healthy if a GET is answered as expected, with 200 to 299 unless other statuses are named, over a connection of its own.
 * Redirects are not followed.
 */
export async function probeHttp(check: HttpCheck, running: AbortSignal): Promise<HealthSaid> {
  const { url, timeoutMs, serverName, insecure } = check;
  const late = AbortSignal.timeout(timeoutMs);
  const connect = {
    timeout: timeoutMs,
    rejectUnauthorized: !insecure,
    ...(serverName === null ? {} : { servername: serverName }),
  };
  const dispatcher = new Agent({ connect });
  try {
    const answer = await request(url, {
      dispatcher,
      signal: AbortSignal.any([late, running]),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      reset: true,
      ...(serverName === null ? {} : { headers: { host: hostHeader(url, serverName) } }),
    });
    return await judge(check, answer);
  } catch (error) {
    if (late.aborted) return timedOut(timeoutMs);
    const what = failureText(error);
    return failed(CERTIFICATE_CODES.test(what) ? `the certificate is not accepted: ${what}` : what);
  } finally {
    void dispatcher.destroy();
  }
}

async function judge({ status, body }: HttpCheck, answer: Dispatcher.ResponseData): Promise<HealthSaid> {
  const { statusCode } = answer;
  const expected = status === null ? statusCode >= 200 && statusCode <= 299 : status.includes(statusCode);
  const detail = `HTTP ${statusCode}`;
  if (body === null || !expected) {
    await answer.body.dump();
    return expected ? { healthy: true, detail } : failed(detail);
  }
  const found = await contains(answer.body, body);
  return found
    ? { healthy: true, detail: `${detail}, as expected` }
    : failed(`${detail}, without ${JSON.stringify(body)}`);
}

/** Whether a text occurs in the first 64 KiB. */
async function contains(stream: AsyncIterable<Uint8Array>, wanted: string): Promise<boolean> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream) {
    parts.push(part);
    length += part.length;
    if (length >= BODY_BYTES_MAX) break;
  }
  return Buffer.concat(parts).subarray(0, BODY_BYTES_MAX).includes(wanted);
}

function hostHeader(url: string, serverName: string): string {
  const { port } = new URL(url);
  return port === '' ? serverName : `${serverName}:${port}`;
}
