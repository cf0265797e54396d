import type { Identity, IdentityRecord } from '@tiebreak/shared/lease';
import { canGoOver, haveSameWitness, identityHash } from '../config/index.ts';
import type { Logger } from '../log/index.ts';
import { type KeptIdentity, keptIdentity } from '../state/kept-identity.ts';
import type { KeptPromises } from '../state/kept-promises.ts';

export type GroupIdentityOptions = {
  readonly group: string;
  /** The text of what the group is configured for. */
  readonly configured: string;
  readonly kept: Pick<KeptPromises, 'found' | 'keepIdentity'>;
  readonly log: Logger;
};

/** A group's identities (L16) between the core, which knows their hashes, and the disk, which has what those were made of. */
export class GroupIdentity {
  /** What an earlier run went by, as far as this one may go on from there. */
  readonly found: IdentityRecord | undefined;
  readonly #kept: GroupIdentityOptions['kept'];
  readonly #texts = new Map<string, string>();

  constructor({ group, configured, kept, log }: GroupIdentityOptions) {
    this.#kept = kept;
    this.learn(configured);
    const { identity } = kept.found;
    if (identity === undefined) return;
    const known = [identity.agreed, ...(identity.joint === null ? [] : [identity.joint])];
    if (!known.every(({ text }) => text === configured || canGoOver(text, configured))) {
      const text = `${group}: its nodes, or its policy "available", have changed since the last run; no node may go by the configuration of before any more`;
      log.warn({ group }, text);
      return;
    }
    for (const { text } of known) this.learn(text);
    this.found = foundIdentity(identity, configured);
  }

  /** The group may go over to it. */
  learn(text: string): void {
    this.#texts.set(identityHash(text), text);
  }

  /** `onDisk` is called once it is on disk, and never if something else is kept before that. */
  keep(record: IdentityRecord, onDisk: () => void): void {
    const textOf = (hash: string): string => {
      const text = this.#texts.get(hash);
      if (text === undefined) throw new Error(`nothing led to the identity ${hash}`);
      return text;
    };
    this.#kept.keepIdentity(keptIdentity(record, textOf), onDisk);
  }
}

/** Of witnesses only the configured one is in reach from now on: no other one has a vote, and that one never in its place. */
function foundIdentity({ generation, agreed, joint }: KeptIdentity, configured: string): IdentityRecord {
  const reachable = ({ configHash, policy, text, witness }: KeptIdentity['agreed']): Identity => ({
    configHash,
    policy,
    witness: witness && haveSameWitness(text, configured),
  });
  return { generation, agreed: reachable(agreed), joint: joint === null ? undefined : reachable(joint) };
}
