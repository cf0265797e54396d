import type { Identity, IdentityRecord, MemberState, Policy } from '@tiebreak/shared/lease';

export const WITNESSES = ['w', 'x'] as const;
export type WitnessName = (typeof WITNESSES)[number];

export function isWitness(place: string): place is WitnessName {
  return WITNESSES.some((name) => name === place);
}

/** What a group may be configured for: where its witness is, and its policy. The members are the same. */
export type GroupIdentity = {
  readonly configHash: string;
  readonly witness: WitnessName | undefined;
  readonly policy: Policy;
  /** of other members: nobody may go over to it, or from it (L16) */
  readonly foreign?: true;
};

/** As the core knows it. */
export function identityOf({ configHash, witness, policy }: GroupIdentity): Identity {
  return { configHash, witness: witness !== undefined, policy };
}

/** The identities of one world, by their hashes. */
export class Identities {
  readonly #byHash: ReadonlyMap<string, GroupIdentity>;

  constructor(all: readonly GroupIdentity[]) {
    this.#byHash = new Map(all.map((identity) => [identity.configHash, identity]));
  }

  /** @throws RangeError if nobody was ever configured for it */
  of(configHash: string): GroupIdentity {
    const found = this.#byHash.get(configHash);
    if (found === undefined) throw new RangeError(`nothing leads to the identity ${configHash}`);
    return found;
  }

  /** Whose vote may count for a node in this state: nobody's while it is joint. */
  witnessOf({ config, change }: MemberState): WitnessName | undefined {
    return change?.stage === 'joint' ? undefined : this.of(config.configHash).witness;
  }

  /**
   * What a run that is configured so makes of the record of an earlier one: only the configured witness is in reach from
   * now on, so that no other one has a vote, nor that one in its place.
   */
  found(record: IdentityRecord | undefined, configured: GroupIdentity): IdentityRecord | undefined {
    if (record === undefined || configured.foreign || this.of(record.agreed.configHash).foreign) return undefined;
    const reachable = (identity: Identity): Identity => ({
      ...identity,
      witness: identity.witness && this.of(identity.configHash).witness === configured.witness,
    });
    const { generation, agreed, joint } = record;
    return { generation, agreed: reachable(agreed), joint: joint && reachable(joint) };
  }
}
