import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SessionKey, SidebandSession } from '@tiebreak/shared/wire/sideband';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hmacSha256 } from '../../../agent/engine/hmac.ts';
import type { Handover } from '../../../agent/guardian/index.ts';
import { handOver, type Means } from '../../../agent/guardian/last-duties.ts';
import { openRegisterFile } from '../../../agent/state/register-file.ts';

const KEYS: readonly [SessionKey] = [{ id: 1, key: new Uint8Array(32).fill(7) }];
const NONCE = new Uint8Array(8).fill(9);
const OWN = { counter: 7, node: 'a' };
const HASH = '00000000000000aa';
const ADDRESS = '10.0.0.2';

let folder: string;
let happened: string[];
let peer: SidebandSession;
let ask: () => void;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-duties-'));
  happened = [];
  ask = () => {};
  peer = new SidebandSession({ node: 'b', peer: 'a', keys: KEYS, hmac: hmacSha256, nonce: NONCE, incarnation: 5 });
  writeFileSync(join(folder, 'agent.json'), JSON.stringify({ version: 1, ballot_ceilings: { edge: 1000 } }));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function recordOwner(holder: string): void {
  const register = openRegisterFile({
    runDir: folder,
    group: 'edge',
    bootId: 'boot',
    incarnation: 3,
    previous: { incarnation: 0, bootId: undefined },
    nowUs: 0,
    onProblem: () => {},
  });
  register.record({ holder, ballot: OWN, endUs: null, highestGranted: OWN, released: { counter: 6, node: 'b' } });
}

function handover(): Handover {
  return {
    type: 'handover',
    node: 'a',
    incarnation: 3,
    bootId: 'boot',
    runDir: folder,
    stateDir: folder,
    fence: { secret: new Uint8Array(16), options: { groups: [], interfaces: [], sideband: [] } },
    groups: [{ id: 1, name: 'edge', configHash: HASH, change: undefined }],
    links: [
      {
        peer: 'b',
        addresses: [ADDRESS],
        port: 3112,
        keys: KEYS,
        groups: ['edge'],
        met: { nonce: NONCE, incarnation: 5 },
      },
    ],
    addresses: [],
    inForce: null,
    stuckAfterMs: 2_000,
  };
}

/** The peer is there: it asks at the given moments, and takes note of what it hears. */
function means(fence: { readonly confirms: boolean; readonly whileClosing?: () => void }): Means {
  return {
    closeFence: async () => {
      fence.whileClosing?.();
      happened.push(fence.confirms ? 'closed' : 'not closed');
      return fence.confirms;
    },
    openPort: async ({ port, onDatagram }) => {
      happened.push(`port ${port}`);
      ask = () => {
        const claim = { group: 'edge', kind: 'requests', ballot: { counter: 8, node: 'b' }, configHash: HASH } as const;
        const claims = [{ ...claim, promiseMs: 625, priority: 100, settings: '000000bb' }];
        onDatagram(peer.seal({ kind: 'heartbeat', claims }).datagram, ADDRESS);
      };
      const send = (datagram: Uint8Array): void => {
        const heard = peer.open(datagram);
        happened.push(heard.ok ? heard.message.kind : heard.reason);
        if (heard.ok && heard.message.kind === 'release') setImmediate(ask);
      };
      return { ok: true, port: { send, close: () => happened.push('port closed') } };
    },
  };
}

test('everything is prepared while the fence is open, and nothing leaves before it is closed (L5)', async () => {
  recordOwner('a');
  const released = await handOver(handover(), means({ confirms: true }), () => {});
  expect(happened).toEqual(['port 3112', 'closed', 'release', 'ack', 'port closed']);
  expect(released).toEqual([{ group: 'edge', votedFor: 'b' }]);
});

test('a vote that is asked for before the fence is closed is not given', async () => {
  recordOwner('a');
  await handOver(handover(), means({ confirms: true, whileClosing: () => ask() }), () => {});
  expect(happened.filter((what) => what === 'ack')).toHaveLength(1);
  expect(happened.indexOf('ack')).toBeGreaterThan(happened.indexOf('release'));
});

test('while the kernel does not confirm that the fence is closed, nothing is released and nobody gets the vote', async () => {
  recordOwner('a');
  expect(await handOver(handover(), means({ confirms: false }), () => {})).toEqual([]);
  expect(happened).toEqual(['port 3112', 'not closed', 'port closed']);
});

test("another node's vote is left alone; the fence is closed all the same", async () => {
  recordOwner('b');
  expect(await handOver(handover(), means({ confirms: true }), () => {})).toEqual([]);
  expect(happened).toEqual(['closed']);
});
