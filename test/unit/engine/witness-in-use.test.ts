import type { MemberConfig, MemberState } from '@tiebreak/shared/lease';
import { stepMember } from '@tiebreak/shared/lease';
import { beforeEach, expect, test } from 'vitest';
import type { Secrets } from '../../../agent/config/index.ts';
import { knownGroups } from '../../../agent/engine/open-witness.ts';
import { type GroupInUse, WitnessInUse } from '../../../agent/engine/witness-in-use.ts';
import { createLogger } from '../../../agent/log/index.ts';
import { noDrops } from '../../../agent/witness-link/frame.ts';
import type { WitnessLink } from '../../../agent/witness-link/index.ts';
import { configOf, edit, PAIR } from '../config/example.ts';
import { CONFIG, HASH, Machine } from '../lease/machine.ts';

const NO_ROUTE = { ok: false, errno: 113, code: 'EHOSTUNREACH', call: 'RTM_GETROUTE', text: 'no route' } as const;
const OTHER_HASH = '00000000000000bb';

/** A group whose core is stepped by hand. */
class ScriptedGroup implements GroupInUse {
  readonly name = 'edge';
  readonly reachable: boolean[] = [];
  state: MemberState = new Machine().state;

  configure(change: Partial<MemberConfig>): void {
    const { fitness } = this.state;
    this.#step({ type: 'configured', config: { ...CONFIG, ...change }, fitness });
  }

  /** The peer says that it has the new configuration too, and is joint. */
  peerIs(joint: boolean): void {
    const next = { configHash: this.state.wanted.configHash, joint };
    const said = { configHash: HASH, promiseMs: 2500, priority: 200, settings: '000000bb' };
    const claim = { group: 'edge', kind: 'none', ballot: { counter: 0, node: '' }, ...said, next } as const;
    this.#step({ type: 'claim', from: 'a', claim });
  }

  written(): void {
    this.#step({ type: 'identity-persisted', configHash: this.state.wanted.configHash });
  }

  witnessReachable(reachable: boolean): void {
    this.reachable.push(reachable);
  }

  #step(event: Parameters<typeof stepMember>[1]): void {
    this.state = stepMember(this.state, event, 0).state;
  }
}

let group: ScriptedGroup;
let text: string;
let witnessId: string;
let configured: boolean;
let opened: string[];
let closed: string[];
let inUse: WitnessInUse;

beforeEach(() => {
  group = new ScriptedGroup();
  [text, witnessId, configured, opened, closed] = [PAIR, 'one', true, [], []];
  inUse = new WitnessInUse({
    rtnetlink: { routeTo: () => NO_ROUTE, addresses: () => NO_ROUTE },
    log: createLogger('silent'),
    setting: () => {
      const config = configOf(text);
      return { config: configured ? config : { ...config, witness: null }, secrets: secrets() };
    },
    leaseGroups: () => [group],
    openLink: ({ config: { url }, credential, lastSequence }) => {
      const what = `${credential.witnessId} at ${url} after ${lastSequence}`;
      opened.push(what);
      return link(what, lastSequence + 7);
    },
  });
  inUse.open();
});

function secrets(): Secrets {
  return {
    groupKeys: new Map(),
    witness: { token: 'tbn1', witnessId, secret: new Uint8Array(32) },
    apiToken: null,
    hmacKeys: new Map(),
    webhookSecrets: new Map(),
    floatingIpTokens: new Map(),
  };
}

function link(what: string, lastSequence: number): WitnessLink {
  return {
    vote: () => 0,
    release: () => 0,
    relay: () => {},
    reportSoon: () => {},
    state: () => ({ kind: 'connecting', sinceUs: 0, detail: '' }),
    voteTimes: () => ({ count: 0, p50Ms: null, p99Ms: null }),
    dropped: noDrops,
    counts: () => ({ votesRequested: 0, votesGranted: 0, votesRefused: new Map(), linkLosses: 0 }),
    rehearse: () => {},
    lastSequence,
    close: () => closed.push(what),
  };
}

test('stays with the witness of before until the group is joint, and then leads to the new one', () => {
  witnessId = 'two';
  group.configure({ configHash: OTHER_HASH });
  inUse.follow();
  group.peerIs(false);
  inUse.follow();
  expect([opened, closed]).toEqual([['one at https://witness.example.com after 0'], []]);
  group.written();
  expect(group.state.change?.stage).toBe('joint');
  inUse.follow();
  expect(closed).toEqual(['one at https://witness.example.com after 0']);
  expect(opened.slice(1)).toEqual(['two at https://witness.example.com after 7']);
  expect(group.reachable).toEqual([false]);
  group.peerIs(true);
  expect(group.state.change).toBeUndefined();
  inUse.follow();
  inUse.follow();
  // The hello of a joint node names no hash, that of one which goes by the new one does.
  expect(opened.slice(1)).toEqual([
    'two at https://witness.example.com after 7',
    'two at https://witness.example.com after 14',
  ]);
});

test('a third witness waits until the group goes by the second, whose votes it would count as that one', () => {
  witnessId = 'two';
  group.configure({ configHash: OTHER_HASH });
  group.peerIs(false);
  group.written();
  inUse.follow();
  witnessId = 'three';
  group.configure({ configHash: '00000000000000cc' });
  inUse.follow();
  expect(opened.map((what) => what.split(' ')[0])).toEqual(['one', 'two']);
});

test('another URL of the same witness is gone over to at once, with numbers that go on', () => {
  text = edit(PAIR, 'https://witness', 'https://other');
  inUse.follow();
  expect(opened.slice(1)).toEqual(['one at https://other.example.com after 7']);
});

test('the same witness is told of no hash by another hello, and of the new one by a third', () => {
  group.configure({ configHash: OTHER_HASH, policy: { name: 'bias', promiseMs: 60_000 } });
  group.peerIs(false);
  group.written();
  inUse.follow();
  inUse.follow();
  expect(opened.slice(1)).toEqual(['one at https://witness.example.com after 7']);
  expect(knownGroups([group])).toEqual([]);
  group.peerIs(true);
  inUse.follow();
  inUse.follow();
  expect(opened.slice(2)).toEqual(['one at https://witness.example.com after 14']);
  expect(knownGroups([group])).toEqual([{ group: 'edge', configHash: OTHER_HASH }]);
});

test('without a witness in the configuration there is no link', () => {
  configured = false;
  inUse.follow();
  expect([inUse.link, closed.length]).toEqual([undefined, 1]);
  configured = true;
  inUse.follow();
  expect(opened).toHaveLength(2);
});

test('leads a group to its own witness, or nowhere', () => {
  const { link: opened } = inUse;
  expect(opened).toBeDefined();
  expect(inUse.linkTo({ cluster: 'branch-7', witnessId: 'one' })).toBe(opened);
  expect(inUse.linkTo({ cluster: 'branch-8', witnessId: 'one' })).toBeUndefined();
  expect(inUse.linkTo({ cluster: 'branch-7', witnessId: 'two' })).toBeUndefined();
  expect(inUse.linkTo(undefined)).toBeUndefined();
  inUse.close();
  expect(inUse.linkTo({ cluster: 'branch-7', witnessId: 'one' })).toBeUndefined();
  expect(inUse.linkTo(undefined)).toBeUndefined();
});
