/** What of the CommonJS module raw-socket 1.8 is used here. */
declare module 'raw-socket' {
  import type { EventEmitter } from 'node:events';

  export const AddressFamily: { readonly IPv4: number; readonly IPv6: number };

  export interface SocketEvents {
    message: [data: Buffer, source: string];
    error: [error: Error];
    close: [];
  }

  export interface Socket extends EventEmitter<SocketEvents> {
    setOption(level: number, option: number, value: number): void;
    setOption(level: number, option: number, value: Buffer, length: number): void;
    pauseRecv(): this;
    resumeRecv(): this;
    close(): this;
  }

  /** Throws an Error whose message is the C library's sentence for the errno. */
  export function createSocket(options: { protocol: number; addressFamily: number; bufferSize: number }): Socket;
}
