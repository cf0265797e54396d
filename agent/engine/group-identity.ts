import { isDeepStrictEqual } from 'node:util';
import type { Identity, IdentityRecord } from '@tiebreak/shared/lease';
import { canGoOver, identityHash, witnessOf } from '../config/index.ts';
import type { Logger } from '../log/index.ts';
import { type KeptIdentity, keptIdentity } from '../state/kept-identity.ts';
import type { KeptPromises } from '../state/kept-promises.ts';

export type GroupIdentityOptions = {
  readonly group: string;
  /** What the group is configured for, and the text of its hash. */
  readonly configured: Identity;
  readonly text: string;
  readonly kept: Pick<KeptPromises, 'found' | 'keepIdentity' | 'beginWith'>;
  readonly log: Logger;
};

/** A group's identities (L16) between the core, which knows their hashes, and the disk, which has what those were made of. */
export class GroupIdentity {
  /** What this run begins with. It is on disk. */
  readonly found: IdentityRecord;
  readonly #kept: GroupIdentityOptions['kept'];
  readonly #texts = new Map<string, string>();

  /** Throws what the file system answers. */
  constructor({ group, configured, text, kept, log }: GroupIdentityOptions) {
    this.#kept = kept;
    this.learn(text);
    const { identity } = kept.found;
    const known = identity === undefined ? [] : [identity.agreed, ...(identity.joint === null ? [] : [identity.joint])];
    const leadsHere = known.every((of) => of.text === null || of.text === text || canGoOver(of.text, text));
    for (const of of known) if (of.text !== null) this.learn(of.text);
    if (identity !== undefined && leadsHere) {
      this.found = foundIdentity(identity, text);
      return;
    }
    this.found = { generation: identity?.generation ?? 0, agreed: configured, joint: undefined };
    kept.beginWith(this.#described(this.found));
    if (identity === undefined) return;
    log.warn(
      { group },
      `${group}: its nodes, or its policy "available", have changed since the last run; no node may go by the configuration of before any more`,
    );
  }

  /** The group may go over to it. */
  learn(text: string): void {
    this.#texts.set(identityHash(text), text);
  }

  /** Which witness votes by the identity of that hash; undefined: none that this node knows. */
  witnessOf(configHash: string): ReturnType<typeof witnessOf> {
    const text = this.#texts.get(configHash);
    return text === undefined ? undefined : witnessOf(text);
  }

  /** `onDisk` is called once it is on disk, and never if something else is kept before that. */
  keep(record: IdentityRecord, onDisk: () => void): void {
    this.#kept.keepIdentity(this.#described(record), onDisk);
  }

  #described(record: IdentityRecord): KeptIdentity {
    return keptIdentity(record, (hash) => this.#texts.get(hash));
  }
}

/** Of witnesses only the configured one is in reach from now on: no other one has a vote, and that one never in its place. */
function foundIdentity({ generation, agreed, joint }: KeptIdentity, configured: string): IdentityRecord {
  const reachable = ({ configHash, policy, text, witness }: KeptIdentity['agreed']): Identity => ({
    configHash,
    policy,
    witness: witness && text !== null && isDeepStrictEqual(witnessOf(text), witnessOf(configured)),
  });
  return { generation, agreed: reachable(agreed), joint: joint === null ? undefined : reachable(joint) };
}
