import type { Identity, IdentityRecord } from '@tiebreak/shared/lease';
import { expect, test } from 'vitest';
import { identityHash } from '../../../agent/config/index.ts';
import { GroupIdentity } from '../../../agent/engine/group-identity.ts';
import type { KeptIdentity } from '../../../agent/state/kept-identity.ts';
import { recordedLog } from './recorded-log.ts';

function text(policy: string, witness: string, members = '["a","b"]'): string {
  return `["tiebreak group",1,"lease","${policy}",${members},["branch-7","${witness}"]]`;
}

const SAFE = { name: 'safe' } as const;
const [OLD, NEW, THIRD] = [text('safe', 'one'), text('safe', 'two'), text('safe', 'three')];

function identity(of: string): KeptIdentity['agreed'] {
  return { configHash: identityHash(of), text: of, witness: true, policy: SAFE };
}

function bare(of: string): Identity {
  return { configHash: identityHash(of), witness: true, policy: SAFE };
}

function opened(configured: string, kept?: KeptIdentity) {
  const { log, lines } = recordedLog();
  const written: KeptIdentity[] = [];
  const write = (content: KeptIdentity): void => void written.push(content);
  const group = new GroupIdentity({
    group: 'edge',
    configured: bare(configured),
    text: configured,
    kept: { found: { identity: kept }, keepIdentity: write, beginWith: write },
    log,
  });
  return { group, lines, written };
}

test('a first run has written down what it goes by before it says anything', () => {
  const { group, lines, written } = opened(OLD);
  expect(group.found).toEqual({ generation: 0, agreed: bare(OLD), joint: undefined });
  expect(written).toEqual([{ generation: 0, agreed: identity(OLD), joint: null }]);
  expect(lines()).toEqual([]);
});

test('and does not begin if that cannot be written', () => {
  const beginWith = (): void => {
    throw new Error('disk full');
  };
  const kept = { found: {}, keepIdentity: () => {}, beginWith };
  const { log } = recordedLog();
  expect(() => new GroupIdentity({ group: 'edge', configured: bare(OLD), text: OLD, kept, log })).toThrow('disk full');
});

test('a run with the same configuration goes on with its number, and has nothing to write', () => {
  const { group, written } = opened(OLD, { generation: 3, agreed: identity(OLD), joint: null });
  expect(group.found).toEqual({ generation: 3, agreed: bare(OLD), joint: undefined });
  expect(written).toEqual([]);
});

test('an identity that a peer has led to, and nobody here knows of, is gone on with, without a witness', () => {
  const unknown = { ...identity(NEW), text: null };
  expect(opened(OLD, { generation: 3, agreed: identity(OLD), joint: unknown }).group.found).toMatchObject({
    agreed: { witness: true },
    joint: { configHash: identityHash(NEW), witness: false },
  });
});

test('of witnesses that it is not configured for a restart counts no vote: it speaks to the configured one alone', () => {
  const kept = { generation: 0, agreed: identity(OLD), joint: identity(NEW) };
  expect(opened(NEW, kept).group.found).toMatchObject({ agreed: { witness: false }, joint: { witness: true } });
  expect(opened(OLD, kept).group.found).toMatchObject({ agreed: { witness: true }, joint: { witness: false } });
  expect(opened(THIRD, kept).group.found).toMatchObject({ agreed: { witness: false }, joint: { witness: false } });
});

test('other nodes are another group, and the log says what that asks of an operator', () => {
  const three = text('safe', 'one', '["a","b","c"]');
  const { group, lines, written } = opened(three, { generation: 3, agreed: identity(OLD), joint: null });
  expect(group.found).toEqual({ generation: 3, agreed: bare(three), joint: undefined });
  expect(written).toEqual([{ generation: 3, agreed: identity(three), joint: null }]);
  expect(
    lines()
      .map(({ msg }) => msg)
      .join(),
  ).toContain('no node may go by the configuration of before any more');
});

test('what is kept says what each hash was made of', () => {
  const { group, written } = opened(NEW, { generation: 1, agreed: identity(OLD), joint: null });
  const record: IdentityRecord = { generation: 1, agreed: bare(OLD), joint: bare(NEW) };
  group.keep(record, () => {});
  expect(written).toEqual([{ generation: 1, agreed: identity(OLD), joint: identity(NEW) }]);
  group.keep({ ...record, joint: bare(THIRD) }, () => {});
  expect(written[1]).toMatchObject({ joint: { text: null } });
  group.learn(THIRD);
  group.keep({ ...record, joint: bare(THIRD) }, () => {});
  expect(written[2]).toMatchObject({ joint: { text: THIRD } });
});

test('it tells by which witness each of its identities votes, and of others that it does not know', () => {
  const { group } = opened(NEW, { generation: 1, agreed: identity(OLD), joint: null });
  expect(group.witnessOf(identityHash(OLD))).toEqual({ cluster: 'branch-7', witnessId: 'one' });
  expect(group.witnessOf(identityHash(NEW))).toEqual({ cluster: 'branch-7', witnessId: 'two' });
  expect(group.witnessOf(identityHash(THIRD))).toBeUndefined();
});
