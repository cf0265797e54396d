import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bundleWorker } from './bundle.ts';
import { type DataFolder, openData } from './data-folder.ts';
import { formatListenAddress, type ListenAddress } from './listen-address.ts';
import { type TlsFiles, tlsProblem } from './tls-files.ts';
import { startWorkerd, type WorkerdProcess } from './workerd.ts';
import { workerdConfig } from './workerd-config.ts';

export type ServeOptions = {
  /** Where it listens; or a socket that does so already, by its number. */
  readonly listen: ListenAddress | { readonly inherited: number };
  /** A folder that outlives the process. */
  readonly data: string;
  readonly adminToken: string;
  readonly tls: TlsFiles | null;
  readonly privateWebhooks: boolean;
};

export type ServeEvents = {
  /** It answers at `url`, for the first time or again. */
  ready(url: string): void;
  /** Not for long: it reads its files anew. */
  reloading(): void;
  /** It goes on as before. */
  notReloaded(reason: string): void;
  stopping(): void;
};

export type Served = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** `reload` resolves when its files are to be read anew; asked again after each time. */
export type ServeOrders = { readonly stop: AbortSignal; readonly reload: () => Promise<void> };

/**
 * The Worker on this host, by workerd, until it is told to stop. It needs no network but the address that it listens on.
 * Fails if the runtime ends by itself: whoever started this one then starts it again.
 */
export async function serveWitness(options: ServeOptions, orders: ServeOrders, events: ServeEvents): Promise<Served> {
  const problem = await listenProblem(options.listen);
  if (problem !== undefined) return { ok: false, reason: problem };
  const opened = openData(resolve(options.data));
  if (!opened.ok) return opened;
  const scratch = mkdtempSync(join(tmpdir(), 'tiebreak-witness-'));
  try {
    await bundleWorker(scratch);
    return await runUntilStopped({ ...options, folder: opened.folder, scratch }, orders, events);
  } finally {
    opened.folder.lock.release();
    rmSync(scratch, { recursive: true, force: true });
  }
}

type Run = ServeOptions & { readonly folder: DataFolder; readonly scratch: string };

async function runUntilStopped(run: Run, orders: ServeOrders, events: ServeEvents): Promise<Served> {
  for (;;) {
    const started = await start(run);
    if (!started.ok) return started;
    const { workerd, url } = started;
    events.ready(url);
    const next = await nextOrder(run, workerd, orders, events);
    if (next === 'ended') return { ok: false, reason: 'the runtime (workerd) has ended by itself' };
    if (next === 'stop') events.stopping();
    else events.reloading();
    await workerd.stop();
    if (next === 'stop') return { ok: true };
  }
}

async function nextOrder(
  { tls }: Run,
  workerd: WorkerdProcess,
  orders: ServeOrders,
  events: ServeEvents,
): Promise<'stop' | 'reload' | 'ended'> {
  const stopped = orders.stop.aborted ? Promise.resolve() : once(orders.stop, 'abort').then(() => undefined);
  for (;;) {
    const next = await Promise.race([
      stopped.then(() => 'stop' as const),
      orders.reload().then(() => 'reload' as const),
      workerd.ended.then(() => 'ended' as const),
    ]);
    const problem = next === 'reload' && tls !== null ? tlsProblem(tls, Date.now()) : undefined;
    if (problem === undefined) return next;
    events.notReloaded(problem);
  }
}

type Started =
  | { readonly ok: true; readonly workerd: WorkerdProcess; readonly url: string }
  | { readonly ok: false; readonly reason: string };

async function start({ adminToken, folder, listen, privateWebhooks, scratch, tls }: Run): Promise<Started> {
  const problem = tls === null ? undefined : tlsProblem(tls, Date.now());
  if (problem !== undefined) return { ok: false, reason: problem };
  if (tls !== null) linkTls(scratch, tls);
  const config = join(scratch, 'workerd.capnp');
  const inherited = 'inherited' in listen ? listen.inherited : null;
  const address = 'inherited' in listen ? null : formatListenAddress(listen);
  writeFileSync(config, workerdConfig({ address, objects: folder.objects, tls: tls !== null, privateWebhooks }));
  const workerd = await startWorkerd({ config, adminToken, inherited });
  if ('error' in workerd) return { ok: false, reason: workerd.error };
  folder.lock.runs(workerd.pid);
  const port = await workerd.listening;
  if (port === undefined) return { ok: false, reason: 'the runtime (workerd) did not start; what it said is above' };
  const where = 'inherited' in listen ? `*:${port}` : formatListenAddress({ ...listen, port });
  return { ok: true, workerd, url: `${tls === null ? 'http' : 'https'}://${where}` };
}

/** The key stays where it is: a copy would be one more to guard. */
function linkTls(scratch: string, { certificate, key }: TlsFiles): void {
  for (const [name, file] of [
    ['tls.crt', certificate],
    ['tls.key', key],
  ] as const) {
    rmSync(join(scratch, name), { force: true });
    symlinkSync(resolve(file), join(scratch, name));
  }
}

/** Tried before anything else, so that the words are not the runtime's. */
async function listenProblem(listen: ServeOptions['listen']): Promise<string | undefined> {
  if ('inherited' in listen) return undefined;
  const server = createServer();
  try {
    server.listen({ ...listen, ipv6Only: false });
    await once(server, 'listening');
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return `the witness cannot listen on ${formatListenAddress(listen)}: ${text}`;
  } finally {
    server.close();
  }
}
