import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Agent, type buildConnector, type Dispatcher, WebSocket } from 'undici';
import { FRAME_LENGTH_MAX } from './frame.ts';

export type CloseCause =
  | { kind: 'rejected'; status: number }
  | { kind: 'closed'; code: number; reason: string }
  | { kind: 'failed'; detail: string };

export type SocketEvents = {
  open(): void;
  text(text: string): void;
  /** Once; nothing comes after it. */
  closed(cause: CloseCause): void;
};

/** What the WebSocket interface hides: the status of a refused handshake, the error, and the socket itself. */
type Handshake = { status: number | null; failure: string | null; socket: Duplex | null };

/**
 * A short text of a connection failure, from its code where it has one: `ECONNREFUSED`. A certificate is judged by this
 * host's clock, which after a cold boot with an empty battery says 1970: then the clock is what has to be put right.
 */
export function failureText(error: Error, wallClockMs = Date.now()): string {
  if (!('code' in error) || typeof error.code !== 'string') return error.message || error.name;
  const today = new Date(wallClockMs).toISOString().slice(0, 10);
  switch (error.code) {
    case 'CERT_NOT_YET_VALID':
      return `by this host's clock (${today}) the witness's certificate is not valid yet: set the clock (${error.code})`;
    case 'CERT_HAS_EXPIRED':
      return `by this host's clock (${today}) the witness's certificate has expired: set the clock, or renew the certificate (${error.code})`;
    default:
      return error.code;
  }
}

/** Notes down in `handshake` what becomes of the upgrade on its way through `agent`. */
function noting(agent: Agent, handshake: Handshake): Dispatcher {
  return agent.compose(
    (dispatch) => (options, handler) =>
      dispatch(options, {
        onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
        onRequestUpgrade: (controller, status, headers, socket) => {
          handshake.socket = socket;
          return handler.onRequestUpgrade?.(controller, status, headers, socket);
        },
        onResponseStart: (controller, status, headers, message) => {
          if (status < 200) return handler.onResponseStart?.(controller, status, headers, message);
          // No upgrade comes any more. Handed on, a 401 would be asked a second time, as the fetch standard has it.
          handshake.status = status;
          controller.abort(new Error('the handshake was refused'));
        },
        onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
        onResponseEnd: (controller, trailers) => handler.onResponseEnd?.(controller, trailers),
        onResponseError: (controller, error) => {
          handshake.failure = failureText(error);
          return handler.onResponseError?.(controller, error);
        },
        onResponseStarted: () => handler.onResponseStarted?.(),
        onBodySent: (chunk) => handler.onBodySent?.(chunk),
        onRequestSent: () => handler.onRequestSent?.(),
      }),
  );
}

/** One WebSocket on one connection of its own: a half-open one can be torn down without asking the other side. */
export class WitnessSocket {
  readonly #agent: Agent;
  readonly #handshake: Handshake = { status: null, failure: null, socket: null };
  readonly #socket: WebSocket;
  readonly #events: SocketEvents;
  #done = false;

  constructor(url: URL, token: string, connect: buildConnector.connector, events: SocketEvents) {
    this.#events = events;
    this.#agent = new Agent({ allowH2: false, connect, webSocket: { maxPayloadSize: FRAME_LENGTH_MAX } });
    const headers = { authorization: `Bearer ${token}` };
    this.#socket = new WebSocket(url, { dispatcher: noting(this.#agent, this.#handshake), headers });
    this.#socket.addEventListener('open', () => this.#done || events.open());
    this.#socket.addEventListener('message', ({ data }) => {
      if (!this.#done && typeof data === 'string') events.text(data);
    });
    this.#socket.addEventListener('close', ({ code, reason }) => this.#end(this.#cause(code, reason)));
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  /** Says goodbye and goes, without waiting for the other side's answer. No `closed` event follows. */
  close(): void {
    if (this.#done) return;
    this.#done = true;
    const { socket } = this.#handshake;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(1000);
    if (socket instanceof Socket) socket.unref();
    socket?.end(() => socket.destroy());
    void this.#agent.destroy();
  }

  /** Tears the connection down at once; a close handshake with a dead path would wait forever. No event follows. */
  destroy(): void {
    this.#done = true;
    this.#handshake.socket?.destroy();
    void this.#agent.destroy();
  }

  #cause(code: number, reason: string): CloseCause {
    const { failure, socket, status } = this.#handshake;
    if (socket) return { kind: 'closed', code, reason };
    if (status !== null) return { kind: 'rejected', status };
    return { kind: 'failed', detail: failure ?? 'the handshake failed' };
  }

  #end(cause: CloseCause): void {
    if (this.#done) return;
    this.destroy();
    this.#events.closed(cause);
  }
}
