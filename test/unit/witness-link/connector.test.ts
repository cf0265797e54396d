import { type ChildProcess, spawn } from 'node:child_process';
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Addresses, type Resolve } from '../../../agent/witness-link/addresses.ts';
import { witnessConnector } from '../../../agent/witness-link/connector.ts';

const HERE = { address: '127.0.0.1', family: 4 };

/** Listens on 127.0.0.1 and tells where its callers come from. */
async function listen(port = 0): Promise<{ port: number; callers: (string | undefined)[] }> {
  const callers: (string | undefined)[] = [];
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    callers.push(socket.remoteAddress);
    open.add(socket);
  });
  server.listen(port, HERE.address);
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return { port: address.port, callers };
}

/** The first question is answered with these addresses, every later one never. */
function dyingResolver(known: LookupAddress[]): Resolve {
  let asked = 0;
  return (_hostname, _options, answer) => {
    asked += 1;
    if (asked === 1) answer(null, known);
  };
}

function connector(known: LookupAddress[], localAddress?: string) {
  const addresses = new Addresses('witness.example', dyingResolver(known));
  onTestFinished(() => addresses.close());
  const open = witnessConnector(addresses, () => localAddress);
  const connectTo = (port: number): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const where = { hostname: 'witness.example', host: 'witness.example', protocol: 'http:', port: String(port) };
      open(where, (error, socket) => {
        if (error !== null) reject(error);
        else {
          onTestFinished(() => void socket.destroy());
          resolve(socket);
        }
      });
    });
  return { addresses, connectTo };
}

/** A listener that accepts nobody and whose queue is full: what is sent to it is dropped, as on a dead path. */
async function deadAddress(): Promise<{ address: string; port: number }> {
  const address = '127.0.0.2';
  const script = `const server = require('node:net').createServer();
    server.listen({ port: 0, host: '${address}', backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const child: ChildProcess = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [text] = await once(child.stdout ?? child, 'data');
  const port = Number(String(text));
  for (let queued = 0; queued < 4; queued += 1) {
    const socket = connect(port, address);
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
  }
  return { address, port };
}

test('a resolver that has died delays no connection: the addresses are known', async () => {
  const { port, callers } = await listen();
  const { addresses, connectTo } = connector([HERE]);
  addresses.refresh();
  await connectTo(port);
  await connectTo(port);
  expect(callers).toHaveLength(2);
});

test('when one address of the witness refuses, the next one is tried', async () => {
  const { port } = await listen();
  expect((await connector([{ address: '127.0.0.2', family: 4 }, HERE]).connectTo(port)).remoteAddress).toBe(
    '127.0.0.1',
  );
});

test('when one address of the witness is silent, the next one does not wait for its end', async () => {
  const dead = await deadAddress();
  await listen(dead.port);
  const { connectTo } = connector([{ address: dead.address, family: 4 }, HERE]);
  expect((await connectTo(dead.port)).remoteAddress).toBe('127.0.0.1');
});

test('the connection begins where it was told to, with an address of the same family', async () => {
  const { port, callers } = await listen();
  await connector([{ address: '::1', family: 6 }, HERE], '127.0.0.3').connectTo(port);
  expect(callers).toEqual(['127.0.0.3']);
});
