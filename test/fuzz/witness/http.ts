import { type Agent, request } from 'node:http';

export type RawRequest = {
  readonly method: string;
  /** As it goes out: nothing is put straight on the way. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
};

export type RawAnswer = { readonly status: number; readonly type: string; readonly text: string };

const ANSWERED_WITHIN_MS = 20_000;

/** One request over a kept connection. */
export function send(origin: URL, agent: Agent, { method, target, headers, body }: RawRequest): Promise<RawAnswer> {
  const { hostname: host, port } = origin;
  return new Promise((resolve, reject) => {
    const sent = request(
      { host, port, agent, method, path: target, headers, timeout: ANSWERED_WITHIN_MS },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const [status, type] = [answer.statusCode ?? 0, answer.headers['content-type'] ?? ''];
          resolve({ status, type, text: Buffer.concat(chunks).toString() });
        });
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', reject);
    if (body !== null) sent.setHeader('content-length', body.length);
    sent.end(body ?? undefined);
  });
}
