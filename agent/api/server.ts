import { chmodSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, type ListenOptions } from 'node:net';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import type { Access } from './access.ts';
import { type ApiSources, createApp } from './app.ts';

export type ApiOptions = ApiSources & {
  /** TCP; `host` an IP address without brackets. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly runDir: string;
  /** Authorises writes over TCP, as it is at that moment; null: there are none. */
  readonly token: () => string | null;
};

export type StartedApi =
  | {
      readonly ok: true;
      /** The TCP port; another than asked for only if that was 0. */
      readonly port: number;
      /** Ends open connections, and removes the socket. */
      readonly close: () => Promise<void>;
    }
  | { readonly ok: false; readonly error: string };

/** Requests are a line and a few headers from the same host; whoever is slower or more is no reader of a status. */
const REQUEST_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 64;
const SOCKET_MODE = 0o660;

/** Where the agent whose configuration has this `run_dir` listens. */
export function apiSocketPath(runDir: string): string {
  return join(runDir, 'api.sock');
}

/**
 * Serves the API on TCP and on `run_dir/api.sock` (0660). The socket also tells whether another agent runs here: a live
 * one is an error, what a dead one left behind is replaced.
 */
export async function startApi({ listen, runDir, token, ...sources }: ApiOptions): Promise<StartedApi> {
  const newServer = (access: Access): Server => {
    const server = createServer(
      { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: REQUEST_TIMEOUT_MS },
      getRequestListener(createApp(sources, access).fetch),
    );
    server.maxConnections = MAX_CONNECTIONS;
    // Out of file descriptors, say: the API may fail, the agent may not.
    server.on('error', (error) => sources.onError?.(error));
    return server;
  };
  const local = await listenLocally(newServer({ kind: 'socket' }), runDir);
  if (!local.ok) return local;
  const tcp = newServer({
    kind: 'tcp',
    get token() {
      return token();
    },
  });
  const failure = await listening(tcp, listen);
  if (failure !== undefined) {
    await local.close();
    return { ok: false, error: describeListenError(failure, listen) };
  }
  const address = tcp.address();
  return {
    ok: true,
    port: typeof address === 'object' && address !== null ? address.port : listen.port,
    close: async () => {
      await Promise.all([local.close(), closed(tcp)]);
    },
  };
}

type LocalServer =
  | { readonly ok: true; readonly close: () => Promise<void> }
  | { readonly ok: false; readonly error: string };

/** The socket is bound beside its place and renamed into it once its mode is right: nobody else gets in before. */
async function listenLocally(server: Server, runDir: string): Promise<LocalServer> {
  const path = apiSocketPath(runDir);
  const unfinished = join(runDir, `api.${process.pid}`);
  try {
    mkdirSync(runDir, { recursive: true, mode: 0o755 });
    const other = await otherAgent(runDir);
    if (other !== undefined) return { ok: false, error: other };
    rmSync(unfinished, { force: true });
    const failure = await listening(server, { path: unfinished });
    if (failure !== undefined) return { ok: false, error: `cannot listen on ${path}: ${failure.message}` };
    chmodSync(unfinished, SOCKET_MODE);
    renameSync(unfinished, path);
  } catch (error) {
    await closed(server);
    return { ok: false, error: `cannot use run_dir ${runDir}: ${error instanceof Error ? error.message : error}` };
  }
  return {
    ok: true,
    close: async () => {
      rmSync(path, { force: true });
      await closed(server);
    },
  };
}

/** Why no agent may be started with that folder, for a person; undefined: none runs that has it. */
export async function otherAgent(runDir: string): Promise<string | undefined> {
  const path = apiSocketPath(runDir);
  return (await answers(path))
    ? `another agent is running: it answers on ${path}; stop it, or set another run_dir`
    : undefined;
}

/** Whether somebody accepts connections on the Unix socket at `path`. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(false);
      // Its queue is full: it lives, and is busy.
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}

function listening(server: Server, options: ListenOptions): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    server.once('error', resolve);
    server.listen(options, () => {
      server.removeListener('error', resolve);
      resolve(undefined);
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function describeListenError(error: NodeJS.ErrnoException, { host, port }: ApiOptions['listen']): string {
  const place = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return `[api].listen ${place} is taken by another program; find it with 'ss -ltnp sport = :${port}', or set another port`;
    case 'EADDRNOTAVAIL':
      return `[api].listen ${place} is not an address of this host`;
    case 'EACCES':
      return `[api].listen ${place} is not allowed for this user: ports below 1024 need CAP_NET_BIND_SERVICE`;
    default:
      return `cannot listen on [api].listen ${place}: ${error.message}`;
  }
}
