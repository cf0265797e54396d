import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';
import type { Addresses } from './addresses.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const TCP_KEEP_ALIVE_MS = 30_000;
/** An address that has not answered by then is left behind for the next one. */
const NEXT_ADDRESS_AFTER_MS = 250;

/**
 * Opens connections to the witness: to each of its known addresses in turn, without asking the resolver, and with the TLS
 * session of the last one, which saves a round trip.
 *
 * @param localAddress asked before each connection: the address to speak from; undefined leaves it to the kernel
 */
export function witnessConnector(
  addresses: Addresses,
  localAddress: () => string | undefined,
): buildConnector.connector {
  let from: string | undefined;
  // undici holds on to it by a weak reference only: without this it may be gone when it is wanted.
  const kept: { session?: Buffer } = {};
  const connect = buildConnector({
    allowH2: false,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER_MS,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    lookup: (hostname, options, callback) => {
      const family = from === undefined ? options.family : isIP(from);
      addresses.lookup(hostname, { ...options, ...(family === undefined ? {} : { family }) }, callback);
    },
    timeout: CONNECT_TIMEOUT_MS,
  });
  return (options, callback) => {
    from = localAddress();
    connect({ ...options, localAddress: from ?? null }, (...outcome) => {
      const [, socket] = outcome;
      if (socket instanceof TLSSocket) {
        socket.on('session', (ticket: Buffer) => {
          kept.session = ticket;
        });
      }
      callback(...outcome);
    });
  };
}
