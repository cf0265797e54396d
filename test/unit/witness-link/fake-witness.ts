import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { LINK_PING, LINK_PONG, WitnessRequest } from '@tiebreak/shared/wire';

/** RFC 6455, section 1.3 */
const HANDSHAKE_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 0x81;
const OPCODE_TEXT = 0x1;

/** A frame to send, or null to stay silent. */
export type Answer = (request: WitnessRequest, path: 'socket' | 'https') => string | null;

/** Just enough of RFC 6455 for a test: unfragmented text frames under 64 KiB. */
function encodeText(text: string): Buffer {
  const payload = Buffer.from(text);
  const length = payload.length;
  const header = length < 126 ? [TEXT, length] : [TEXT, 126, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), payload]);
}

/** Takes whole frames off the front of `buffer`: client frames, which are always masked. */
function decodeTexts(buffer: Buffer): { texts: string[]; rest: Buffer } {
  const texts: string[] = [];
  let rest = buffer;
  while (rest.length >= 6) {
    const short = rest.readUInt8(1) & 0x7f;
    const maskAt = short < 126 ? 2 : 4;
    const length = short < 126 ? short : rest.readUInt16BE(2);
    const payloadAt = maskAt + 4;
    if (rest.length < payloadAt + length) break;
    const payload = Buffer.from(rest.subarray(payloadAt, payloadAt + length));
    for (const [index, byte] of payload.entries()) payload[index] = byte ^ rest.readUInt8(maskAt + (index % 4));
    if ((rest.readUInt8(0) & 0xf) === OPCODE_TEXT) texts.push(payload.toString());
    rest = rest.subarray(payloadAt + length);
  }
  return { texts, rest };
}

/** A witness without a mind: real HTTP and WebSocket on the loopback, answers by script. */
export class FakeWitness {
  readonly seen: { path: 'socket' | 'https'; request: WitnessRequest }[] = [];
  readonly upgrades: { url: string | undefined; authorization: string | undefined }[] = [];
  /** Of the requests over HTTPS. */
  readonly authorizations: (string | undefined)[] = [];
  readonly sockets = new Set<Socket>();
  answer: Answer;
  /** The status that the handshake gets; 101 accepts it. */
  handshakeStatus = 101;
  answersPings = true;
  warmUps = 0;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();

  constructor(answer: Answer) {
    this.answer = answer;
    this.#server = createServer((incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        if (incoming.method === 'GET') {
          response.end('{}', () => {
            this.warmUps += 1;
          });
          return;
        }
        const request = WitnessRequest.parse(JSON.parse(Buffer.concat(chunks).toString()));
        this.authorizations.push(incoming.headers.authorization);
        this.seen.push({ path: 'https', request });
        const frame = this.answer(request, 'https');
        if (frame !== null) response.end(frame);
      });
    });
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on('connection', (connection: Socket) => {
      this.#connections.add(connection);
      connection.on('close', () => this.#connections.delete(connection));
    });
    this.#server.on('upgrade', (incoming: IncomingMessage, socket: Socket) => this.#upgrade(incoming, socket));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address: AddressInfo | string | null = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    return address.port;
  }

  push(text: string): void {
    for (const socket of this.sockets) socket.write(encodeText(text));
  }

  /** As a deploy does it: every link closes at once. */
  reset(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #upgrade(incoming: IncomingMessage, socket: Socket): void {
    this.upgrades.push({ url: incoming.url, authorization: incoming.headers.authorization });
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    if (this.handshakeStatus !== 101) {
      socket.end(`HTTP/1.1 ${this.handshakeStatus} No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno`);
      return;
    }
    const accept = createHash('sha1')
      .update(`${incoming.headers['sec-websocket-key']}${HANDSHAKE_GUID}`)
      .digest('base64');
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    socket.write(`${[...head, `Sec-WebSocket-Accept: ${accept}`].join('\r\n')}\r\n\r\n`);
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    let buffer: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      const { rest, texts } = decodeTexts(Buffer.concat([buffer, chunk]));
      buffer = rest;
      for (const text of texts) this.#text(socket, text);
    });
  }

  #text(socket: Socket, text: string): void {
    if (text === LINK_PING) {
      if (this.answersPings) socket.write(encodeText(LINK_PONG));
      return;
    }
    const request = WitnessRequest.parse(JSON.parse(text));
    this.seen.push({ path: 'socket', request });
    const frame = this.answer(request, 'socket');
    if (frame !== null) socket.write(encodeText(frame));
  }
}
