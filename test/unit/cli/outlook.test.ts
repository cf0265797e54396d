import { describe, expect, it } from 'vitest';
import type { GroupStatus } from '../../../agent/api/index.ts';
import { outlooksOf } from '../../../agent/cli/outlook.ts';
import { WELL } from '../api/status-example.ts';

type VoteState = GroupStatus['quorum']['votes'][number]['state'];

function group(votes: Readonly<Record<string, VoteState>>, change: Partial<GroupStatus> = {}): GroupStatus {
  const [well] = WELL.groups;
  if (well === undefined) throw new Error('the example has a group');
  const each = Object.entries(votes).map(([voter, state]) => ({ voter, state, remaining_ms: 400 }));
  return { ...well, quorum: { needed: Math.floor(each.length / 2) + 1, held: 2, votes: each }, ...change };
}

function outlook(of: GroupStatus, node = 'a'): string[] {
  return outlooksOf(of, node).map(({ without, outcome, good }) => `${without}: ${outcome}${good ? '' : ' (!)'}`);
}

const SILENT: GroupStatus['peers'] = [{ node: 'b', state: 'silent', paths: [] }];

describe('what would happen if each neighbour failed now', () => {
  it('nothing, in a healthy pair: the address stays or moves', () => {
    const healthy = group({ a: 'granted', b: 'granted', witness: 'free' });
    expect(outlook(healthy)).toEqual(['a: b takes over', 'b: a goes on', 'witness: a goes on']);
    const seenFromB = group({ b: 'bound_elsewhere', a: 'granted', witness: 'free' }, { role: 'backup', peers: [] });
    expect(outlook(seenFromB, 'b')).toEqual(['b: a goes on', 'a: b takes over', 'witness: a goes on']);
  });

  it('without the witness, whoever is lost takes the majority along', () => {
    expect(outlook(group({ a: 'granted', b: 'granted', witness: 'unreachable' }))).toEqual([
      'a: nobody owns it until a majority is back (!)',
      'b: nobody owns it until a majority is back (!)',
      'witness: a goes on',
    ]);
  });

  it('unless the policy is available, or the other node has promised for long', () => {
    const votes = { a: 'granted', b: 'granted', witness: 'unreachable' } as const;
    expect(outlook(group(votes, { policy: 'available' }))[1]).toBe('b: a goes on, unprotected');
    const long = group(votes);
    for (const vote of long.quorum.votes) if (vote.voter === 'b') vote.remaining_ms = 45_000;
    expect(outlook(long)[1]).toBe('b: a goes on for 45.0 s (!)');
  });

  it('who has promised for long takes over only after that, although the witness is back', () => {
    const back = group({ a: 'granted', b: 'granted', witness: 'free' });
    for (const vote of back.quorum.votes) if (vote.voter === 'b') vote.remaining_ms = 45_000;
    expect(outlook(back)[0]).toBe('a: b takes over after 45.0 s (!)');
    expect(outlook(back)[1]).toBe('b: a goes on');
  });

  it('with the other node gone, everything hangs on the owner, and on the witness', () => {
    expect(outlook(group({ a: 'granted', b: 'unreachable', witness: 'granted' }, { peers: SILENT }))).toEqual([
      'a: nobody owns it: no other node is heard (!)',
      'b: a goes on',
      'witness: nobody owns it until a majority is back (!)',
    ]);
  });

  it('a node that has left its vote is missed by nobody', () => {
    expect(outlook(group({ a: 'granted', b: 'departed', witness: 'free' }, { peers: SILENT }))[1]).toBe('b: a goes on');
  });

  it('a backup that may not own is none', () => {
    const fault = group({ b: 'free', a: 'granted', witness: 'free' }, { role: 'fault', peers: [] });
    expect(outlook(fault, 'b')[1]).toBe('a: nobody owns it: this node is in fault (!)');
  });

  it('of five, two may be lost', () => {
    const peers = ['b', 'c', 'd', 'e'].map((node) => ({ node, state: 'heard' as const, paths: [] }));
    const five = { a: 'granted', b: 'granted', c: 'granted', d: 'unreachable', e: 'free' } as const;
    expect(outlook(group(five, { peers }))).toEqual([
      'a: b or c or d or e takes over',
      'b: a goes on',
      'c: a goes on',
      'd: a goes on',
      'e: a goes on',
    ]);
  });

  it('is not told of what nobody owns, or of plain VRRP', () => {
    expect(outlook(group({ a: 'free' }, { owner: null }))).toEqual([]);
    expect(outlook(group({ a: 'free' }, { mode: 'vrrp' }))).toEqual([]);
  });
});
