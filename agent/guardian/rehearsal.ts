import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ballot } from '@tiebreak/shared/lease';
import { type SessionKey, SidebandSession } from '@tiebreak/shared/wire/sideband';
import { hmacSha256 } from '../engine/hmac.ts';
import { openSidebandPort, type SidebandPort } from '../engine/sideband-port.ts';
import { openRegisterFile } from '../state/register-file.ts';
import { closeByPacket } from './close-fence.ts';
import type { Handover } from './handover.ts';
import { handOver, type Means } from './last-duties.ts';

const ADDRESS = '127.0.0.1';
const NODE = 'rehearsal';
const PEER = 'successor';
const GROUP = { id: 1, name: 'rehearsal', configHash: '0123456789abcdef', change: undefined };
const OWN: Ballot = { counter: 1, node: NODE };
const NEXT: Ballot = { counter: 2, node: PEER };
const KEYS: readonly [SessionKey] = [{ id: 1, key: new Uint8Array(32) }];
const RUN = { incarnation: 1, bootId: 'rehearsal' };

/**
 * Does once what is to be done when the engine dies, by the same code, with an imaginary successor in memory and in a folder
 * of its own inside `runDir`: no datagram leaves, and no socket is one of the engine's. What has run is loaded and compiled,
 * and the first crash after months is not the slow one. Returns for whom the imaginary vote was given. Never throws.
 */
export async function rehearseHandover(runDir: string): Promise<string | undefined> {
  const folder = join(runDir, 'rehearsal');
  try {
    mkdirSync(folder, { recursive: true });
    const ballots = { version: 1, ballot_ceilings: { [GROUP.name]: 1000 } };
    writeFileSync(join(folder, 'agent.json'), JSON.stringify(ballots));
    openRegisterFile({
      runDir: folder,
      group: GROUP.name,
      bootId: RUN.bootId,
      incarnation: RUN.incarnation,
      previous: { incarnation: 0, bootId: undefined },
      nowUs: 0,
      onProblem: () => {},
    }).record({ holder: NODE, ballot: OWN, endUs: null, highestGranted: OWN, released: { counter: 0, node: '' } });
    const [released] = await handOver(imaginaryHandover(folder), REHEARSED, () => {});
    return released?.votedFor;
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const REHEARSED: Means = {
  closeFence: async ({ secret }, groupIds) => {
    await closeByPacket(secret, groupIds, 'straight back');
    // On a busy machine the datagram may come too late: the rest is rehearsed all the same.
    return true;
  },
  openPort: async (options) => {
    // A port of the kernel's own choice, at which nobody sends.
    const real = await openSidebandPort({ ...options, port: 0 });
    if (!real.ok) return real;
    const port = new ImaginaryPort(real.port, (datagram) => options.onDatagram(datagram, ADDRESS));
    return { ok: true, port };
  },
};

function imaginaryHandover(folder: string): Handover {
  return {
    type: 'handover',
    node: NODE,
    ...RUN,
    runDir: folder,
    stateDir: folder,
    fence: { secret: new Uint8Array(16), options: { groups: [], interfaces: [], sideband: [] } },
    groups: [GROUP],
    links: [
      {
        peer: PEER,
        addresses: [ADDRESS],
        port: 0,
        keys: KEYS,
        groups: [GROUP.name],
        met: { nonce: NONCE, incarnation: RUN.incarnation },
      },
    ],
    addresses: [],
    inForce: null,
    stuckAfterMs: 0,
  };
}

const NONCE = new Uint8Array(8).fill(1);

/** Takes what would leave for the successor, and asks in its place. */
class ImaginaryPort implements SidebandPort {
  readonly #real: SidebandPort;
  readonly #answer: (datagram: Uint8Array) => void;
  readonly #successor = new SidebandSession({
    node: PEER,
    peer: NODE,
    keys: KEYS,
    hmac: hmacSha256,
    nonce: NONCE,
    incarnation: RUN.incarnation,
  });

  constructor(real: SidebandPort, answer: (datagram: Uint8Array) => void) {
    this.#real = real;
    this.#answer = answer;
  }

  send(datagram: Uint8Array): void {
    const heard = this.#successor.open(datagram);
    if (!heard.ok || heard.message.kind !== 'release') return;
    const { name: group, configHash } = GROUP;
    const claim = {
      group,
      kind: 'requests',
      ballot: NEXT,
      configHash,
      promiseMs: 625,
      priority: 100,
      settings: '00000000',
    } as const;
    const request = this.#successor.seal({ kind: 'heartbeat', claims: [claim] });
    setImmediate(() => this.#answer(request.datagram));
  }

  close(): void {
    this.#real.close();
  }
}
