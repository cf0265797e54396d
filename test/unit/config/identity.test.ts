import { describe, expect, it } from 'vitest';
import {
  canGoOver,
  configHash,
  configIdentity,
  type IdentityContext,
  identityHash,
  type LeaseGroupConfig,
  witnessOf,
} from '../../../agent/config/index.ts';
import { configOf, edit, PAIR } from './example.ts';

const CONTEXT: IdentityContext = {
  node: 'a',
  witness: { cluster: 'branch-7', witnessId: '0123456789abcdef0123456789abcdef' },
  protocol: 1,
};

function groupOf(text: string): LeaseGroupConfig {
  const [group] = configOf(text).groups;
  if (group?.mode !== 'lease') throw new Error('no lease group');
  return group;
}

const GROUP = groupOf(PAIR);
const HASH = configHash(GROUP, CONTEXT);

describe('the config hash (L16)', () => {
  it('is of a text that does not change between versions by itself', () => {
    expect(configIdentity(GROUP, CONTEXT)).toBe(
      '["tiebreak group",1,"lease","bias",["a","b"],["branch-7","0123456789abcdef0123456789abcdef"]]',
    );
    expect(HASH).toMatch(/^[0-9a-f]{16}$/);
  });

  it('is the same on both nodes', () => {
    const other = groupOf(edit(edit(PAIR, 'node = "b"', 'node = "z"'), 'node = "a"', 'node = "b"'));
    const mine = { ...GROUP, peers: [{ node: 'b', addresses: ['192.0.2.2'] }] };
    const theirs = { ...other, peers: [{ node: 'a', addresses: ['192.0.2.1'] }] };
    expect(configHash(theirs, { ...CONTEXT, node: 'b' })).toBe(configHash(mine, CONTEXT));
  });

  it('changes with the policy, and not with how long its promises are', () => {
    const withLine = (line: string) =>
      configHash(groupOf(edit(PAIR, 'name = "edge"', `name = "edge"\n${line}`)), CONTEXT);
    const hashes = ['safe', 'bias', 'available'].map((policy) => withLine(`policy = "${policy}"`));
    expect(new Set(hashes).size).toBe(3);
    expect(hashes[1]).toBe(HASH);
    expect(withLine('bias_promise = "2m"')).toBe(HASH);
  });

  it('changes with a third member', () => {
    const third = { node: 'c', addresses: ['192.0.2.3'] };
    expect(configHash({ ...GROUP, peers: [...GROUP.peers, third] }, CONTEXT)).not.toBe(HASH);
  });

  it('does not change with addresses, intervals, priorities, ports or names of files', () => {
    const text = edit(PAIR, '= 33', '= 34\npriority = 7\nadvertisement_interval = "1s"');
    const other = edit(edit(text, '192.0.2.100', '192.0.2.101'), 'edge.key', 'other.key');
    expect(configHash(groupOf(other), CONTEXT)).toBe(HASH);
  });

  it.each<[string, Partial<IdentityContext>]>([
    ['another member', { node: 'c' }],
    ['another cluster', { witness: { cluster: 'branch-8', witnessId: '0123456789abcdef0123456789abcdef' } }],
    ['another witness', { witness: { cluster: 'branch-7', witnessId: '1123456789abcdef0123456789abcdef' } }],
    ['no witness', { witness: null }],
    ['another protocol', { protocol: 2 }],
  ])('changes with %s', (_what, difference) => {
    expect(configHash(GROUP, { ...CONTEXT, ...difference })).not.toBe(HASH);
  });
});

describe('the text of an identity', () => {
  const text = (line: string, context: Partial<IdentityContext> = {}): string =>
    configIdentity(groupOf(edit(PAIR, 'name = "edge"', `name = "edge"\n${line}`)), { ...CONTEXT, ...context });
  const OTHER = { witness: { cluster: 'branch-7', witnessId: 'f123456789abcdef0123456789abcdef' } };
  const [BIAS, SAFE, AVAILABLE] = [text('policy = "bias"'), text('policy = "safe"'), text('policy = "available"')];

  it('has the hash of the configuration that it is of', () => {
    expect(identityHash(BIAS)).toBe(HASH);
  });

  it.each([
    ['another policy', BIAS, SAFE],
    ['another witness', BIAS, text('policy = "bias"', OTHER)],
    ['no witness', SAFE, text('policy = "safe"', { witness: null })],
    ['both', text('policy = "safe"', OTHER), BIAS],
  ])('leads to %s while the group is owned, for the same nodes vote', (_what, from, to) => {
    expect(canGoOver(from, to)).toBe(true);
    expect(canGoOver(to, from)).toBe(true);
  });

  it.each([
    ['policy "available"', SAFE, AVAILABLE],
    ['other nodes', SAFE, text('policy = "safe"', { node: 'c' })],
    ['another protocol', SAFE, text('policy = "safe"', { protocol: 2 })],
    ['another mode', SAFE, SAFE.replace('"lease"', '"vrrp"')],
    ['what is no identity', SAFE, '["tiebreak group"]'],
    ['no text at all', SAFE, ''],
  ])('does not lead to %s', (_what, from, to) => {
    expect(canGoOver(from, to)).toBe(false);
    expect(canGoOver(to, from)).toBe(false);
  });

  it('tells which witness votes', () => {
    expect(witnessOf(BIAS)).toEqual(CONTEXT.witness);
    expect(witnessOf(text('policy = "bias"', OTHER))).toEqual(OTHER.witness);
    expect(witnessOf(text('policy = "bias"', { witness: null }))).toBeUndefined();
    expect(witnessOf('no identity')).toBeUndefined();
  });
});
