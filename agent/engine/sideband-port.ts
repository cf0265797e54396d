import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';

export type DatagramHandler = (datagram: Uint8Array, fromAddress: string) => void;

/** The UDP sockets of one sideband port, one for each address family in use. */
export interface SidebandPort {
  /** Queued at once; a failure is told to `onError`. After `close` it does nothing. */
  send(datagram: Uint8Array, toAddress: string): void;
  close(): void;
}

export type OpenedSidebandPort =
  | { readonly ok: true; readonly port: SidebandPort }
  | { readonly ok: false; readonly error: string };

const SOCKET_OPTIONS = { ipv4: { type: 'udp4' }, ipv6: { type: 'udp6', ipv6Only: true } } as const;

/** Binds the port for every family in use, or tells why it cannot be had. */
export async function openSidebandPort(options: {
  port: number;
  families: ReadonlySet<'ipv4' | 'ipv6'>;
  onDatagram: DatagramHandler;
  onError: (text: string) => void;
}): Promise<OpenedSidebandPort> {
  let closed = false;
  const sockets = new Map<'ipv4' | 'ipv6', Socket>();
  for (const family of options.families) {
    const socket = createSocket({ ...SOCKET_OPTIONS[family], lookup: literalAddress });
    const failure = await bindSocket(socket, options.port);
    if (failure !== undefined) {
      for (const open of sockets.values()) open.close();
      return { ok: false, error: `the sideband's UDP port ${options.port}: ${failure}` };
    }
    socket.on('message', (datagram: Buffer, from: RemoteInfo) => options.onDatagram(datagram, from.address));
    socket.on('error', (cause) => options.onError(cause.message));
    sockets.set(family, socket);
  }
  return {
    ok: true,
    port: {
      send(datagram, toAddress) {
        if (closed) return;
        const socket = sockets.get(isIPv6(toAddress) ? 'ipv6' : 'ipv4');
        socket?.send(datagram, options.port, toAddress, (cause) => {
          if (cause !== null) options.onError(`to ${toAddress}: ${cause.message}`);
        });
      },
      close() {
        closed = true;
        for (const socket of sockets.values()) socket.close();
      },
    },
  };
}

/** Peers are configured by address: nothing is ever looked up. */
function literalAddress(
  address: string,
  _options: unknown,
  callback: (cause: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  callback(null, address, isIPv6(address) ? 6 : 4);
}

function bindSocket(socket: Socket, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      socket.close();
      const taken = 'is taken by another program; stop it, or choose another sideband_port (the same on every node)';
      resolve(cause.code === 'EADDRINUSE' ? taken : cause.message);
    });
    socket.bind({ port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve(undefined);
    });
  });
}
