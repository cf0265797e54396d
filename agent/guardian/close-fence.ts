import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { CONFIRMED_PORT, encodeLeasePacket, LEASE_PORT } from '../kernel/fence/lease-packet.ts';

const LOOPBACK = '127.0.0.1';
/** As the engine waits for a CLOSE of its own. */
const CLOSE_WAIT_MS = 20;
/** The second one comes after whatever the engine may have had under way in the kernel when it died. */
const ROUNDS = 2;

/**
 * Closes the groups by lease packets. True: the kernel confirmed each; false: the tables must be made anew. `way`: a
 * rehearsal's datagrams pass no table, they come straight back.
 */
export async function closeByPacket(
  secret: Uint8Array,
  groupIds: readonly number[],
  way: 'through the tables' | 'straight back' = 'through the tables',
): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    await bound(socket, way === 'straight back' ? 0 : CONFIRMED_PORT);
    const port = way === 'straight back' ? socket.address().port : LEASE_PORT;
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const id of groupIds) {
        const packet = encodeLeasePacket(secret, randomInt(2 ** 32), id, { kind: 'close' });
        if (!(await returned(socket, packet, port))) return false;
      }
    }
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}

function bound(socket: Socket, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: LOOPBACK, port, exclusive: true }, resolve);
  });
}

/** Sends the packet, and tells whether that very datagram has come back: through both tables, if it is not rehearsed. */
function returned(socket: Socket, packet: Uint8Array, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (confirmed: boolean): void => {
      clearTimeout(patience);
      socket.removeAllListeners('message');
      resolve(confirmed);
    };
    const patience = setTimeout(() => end(false), CLOSE_WAIT_MS);
    socket.on('message', (answer: Buffer) => {
      if (answer.equals(packet)) end(true);
    });
    socket.send(packet, port, LOOPBACK, (cause) => {
      if (cause !== null) end(false);
    });
  });
}
