import type { IdentityRecord } from '@tiebreak/shared/lease';
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

function opened(configured: string, kept?: KeptIdentity) {
  const { log, lines } = recordedLog();
  const written: KeptIdentity[] = [];
  const keepIdentity = (content: KeptIdentity): void => void written.push(content);
  const group = new GroupIdentity({
    group: 'edge',
    configured,
    kept: { found: { identity: kept }, keepIdentity },
    log,
  });
  return { group, lines, written };
}

test('a first run finds nothing', () => {
  const { group, lines } = opened(OLD);
  expect(group.found).toBeUndefined();
  expect(lines()).toEqual([]);
});

test('a run with the same configuration goes on with its number', () => {
  const { group } = opened(OLD, { generation: 3, agreed: identity(OLD), joint: null });
  expect(group.found).toEqual({
    generation: 3,
    agreed: { configHash: identityHash(OLD), witness: true, policy: SAFE },
    joint: undefined,
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
  const { group, lines } = opened(three, { generation: 3, agreed: identity(OLD), joint: null });
  expect(group.found).toBeUndefined();
  expect(
    lines()
      .map(({ msg }) => msg)
      .join(),
  ).toContain('no node may go by the configuration of before any more');
});

test('what is kept says what each hash was made of', () => {
  const { group, written } = opened(NEW, { generation: 1, agreed: identity(OLD), joint: null });
  const bare = (of: string) => ({ configHash: identityHash(of), witness: true, policy: SAFE });
  const record: IdentityRecord = { generation: 1, agreed: bare(OLD), joint: bare(NEW) };
  group.keep(record, () => {});
  expect(written).toEqual([{ generation: 1, agreed: identity(OLD), joint: identity(NEW) }]);
  expect(() => group.keep({ ...record, joint: bare(THIRD) }, () => {})).toThrow('nothing led to the identity');
  group.learn(THIRD);
  group.keep({ ...record, joint: bare(THIRD) }, () => {});
  expect(written[1]).toMatchObject({ joint: { text: THIRD } });
});
