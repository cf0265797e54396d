/** The witness's Worker, and in it the least object that could stand in its place: it writes one row and answers. */
import { DurableObject } from 'cloudflare:workers';
import type { DurableObjectId, DurableObjectState, WebSocket } from '@cloudflare/workers-types';
import type { Env } from '../../../witness/env.ts';
import app, { ClusterDirectory, ClusterWitness } from '../../../witness/index.ts';

export { ClusterDirectory, ClusterWitness };

interface HelloApi {
  hello(text: string): Promise<string>;
  fetch(request: Request): Promise<Response>;
}

type HelloEnv = Env & {
  readonly HELLO: { idFromName(name: string): DurableObjectId; get(id: DurableObjectId): HelloApi };
};

export class HelloObject extends DurableObject<HelloEnv> implements HelloApi {
  constructor(ctx: DurableObjectState, env: HelloEnv) {
    super(ctx, env);
    ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS hello (only INTEGER PRIMARY KEY, text TEXT NOT NULL)');
  }

  async hello(text: string): Promise<string> {
    return this.#write(text);
  }

  async fetch(): Promise<Response> {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    const upgraded = { status: 101, webSocket: client };
    return new Response(null, upgraded);
  }

  webSocketMessage(socket: WebSocket, text: string): void {
    socket.send(this.#write(text));
  }

  #write(text: string): string {
    this.ctx.storage.sql.exec('INSERT OR REPLACE INTO hello (only, text) VALUES (1, ?)', text);
    return text;
  }
}

const HELLO_PATH = '/hello';

export default {
  async fetch(request: Request, env: HelloEnv): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith(HELLO_PATH)) return app.fetch(request, env);
    const stub = env.HELLO.get(env.HELLO.idFromName('hello'));
    if (request.method === 'POST') return new Response(await stub.hello(await request.text()));
    return stub.fetch(request);
  },
};
