import { createServer, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export type Asked = {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The address that asked. */
  readonly from: string;
};

export type Reply = {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** ms before the first byte. */
  readonly delayMs?: number;
};

export type Listen = {
  /** 0, the default: a free one. */
  readonly port?: number;
  readonly host?: string;
};

export type Server = {
  readonly url: string;
  /** What was asked, in the order of its coming, before it was answered. */
  readonly calls: readonly Asked[];
  /** How many askers have hung up before they had their answer. */
  readonly cut: () => number;
  /** The next requests for which `applies` holds get these, one each, instead of what they asked for. */
  readonly fail: (reply: Reply, times?: number, applies?: (asked: Asked) => boolean) => void;
  readonly close: () => Promise<void>;
};

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
}

/** An HTTP server that remembers what it was asked, and can be told to fail. */
export async function serve(
  answer: (asked: Asked) => Reply,
  { port = 0, host = '127.0.0.1' }: Listen,
): Promise<Server> {
  const calls: Asked[] = [];
  const failures: { reply: Reply; applies: (asked: Asked) => boolean }[] = [];
  let cut = 0;
  const closing = new AbortController();
  const server = createServer(async (incoming, response) => {
    const asked = await read(incoming).catch(() => undefined);
    // Who hangs up before having asked has not asked.
    if (asked === undefined) return;
    calls.push(asked);
    response.once('close', () => {
      if (!response.writableFinished) cut += 1;
    });
    const index = failures.findIndex(({ applies }) => applies(asked));
    const reply = failures.splice(index, index < 0 ? 0 : 1)[0]?.reply ?? answer(asked);
    if (reply.delayMs !== undefined) {
      await sleep(reply.delayMs, undefined, { signal: closing.signal }).catch(() => {});
    }
    response.writeHead(reply.status, reply.headers ?? {}).end(reply.body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('not listening on a port');
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound.port}`,
    calls,
    cut: () => cut,
    fail: (reply, times = 1, applies = () => true) => {
      for (let time = 0; time < times; time += 1) failures.push({ reply, applies });
    },
    close: async () => {
      closing.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function read(incoming: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const headers = Object.entries(incoming.headers).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value]] : [],
  );
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: Object.fromEntries(headers),
    body: Buffer.concat(chunks).toString(),
    from: incoming.socket.remoteAddress ?? '',
  };
}
