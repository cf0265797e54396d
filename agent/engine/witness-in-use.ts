import type { WitnessConfig, WitnessCredential } from '../config/index.ts';
import type { Rtnetlink } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import type { Setting } from '../reload/index.ts';
import type { WitnessLink } from '../witness-link/index.ts';
import type { LeaseGroup } from './lease-group.ts';
import { knownGroups } from './open-witness.ts';
import { WitnessRoutes } from './witness-route.ts';

export type GroupInUse = Pick<LeaseGroup, 'name' | 'state' | 'witnessReachable'>;

/** What a link to the configured witness begins with. */
export type LinkOpening = {
  readonly config: WitnessConfig;
  readonly credential: WitnessCredential;
  readonly lastSequence: number;
  readonly routes: WitnessRoutes;
};

export type WitnessInUseOptions = {
  readonly rtnetlink: Pick<Rtnetlink, 'routeTo' | 'addresses'>;
  readonly log: Logger;
  /** As they are then. */
  readonly setting: () => Setting;
  readonly leaseGroups: () => readonly GroupInUse[];
  readonly openLink: (opening: LinkOpening) => WitnessLink;
};

type Opened = {
  readonly url: string;
  readonly cluster: string;
  readonly witnessId: string;
  /** What its hello has said of each group that there was; undefined: nothing. */
  readonly hashes: ReadonlyMap<string, string | undefined>;
  readonly link: WitnessLink;
};

/**
 * The link to the configured witness. It leads to the one of before for as long as any group goes by that (L16), so that
 * the vote of one witness never counts as the other's.
 */
export class WitnessInUse {
  readonly #options: WitnessInUseOptions;
  readonly #routes: WitnessRoutes;
  #opened: Opened | undefined;
  #lastSequence = 0;

  constructor(options: WitnessInUseOptions) {
    const { log, rtnetlink, setting } = options;
    this.#options = options;
    this.#routes = new WitnessRoutes({ rtnetlink, groups: () => setting().config.groups, log });
  }

  get link(): WitnessLink | undefined {
    return this.#opened?.link;
  }

  /** The link, if it leads to that witness. */
  linkTo(witness: { readonly cluster: string; readonly witnessId: string } | undefined): WitnessLink | undefined {
    const opened = this.#opened;
    const leadsThere = opened?.witnessId === witness?.witnessId && opened?.cluster === witness?.cluster;
    return leadsThere ? opened?.link : undefined;
  }

  /** What is wrong with the way to it, for a person. */
  get wayProblem(): string | undefined {
    return this.#opened === undefined ? undefined : this.#routes.problem;
  }

  /** Opens the link to the configured witness, if there is one. */
  open(): void {
    const { leaseGroups, openLink, setting } = this.#options;
    const { config, secrets } = setting();
    const [{ witness }, { witness: credential }] = [config, secrets];
    if (witness === null || credential === null) return;
    const link = openLink({ config: witness, credential, lastSequence: this.#lastSequence, routes: this.#routes });
    const { url, cluster } = witness;
    const told = new Map(knownGroups(leaseGroups()).map(({ group, configHash }) => [group, configHash]));
    const hashes = new Map(leaseGroups().map(({ name }) => [name, told.get(name)]));
    this.#opened = { url, cluster, witnessId: credential.witnessId, hashes, link };
  }

  /** Goes over to what is configured by now, once every group goes by that or is joint with it; and says hello anew then. */
  follow(): void {
    const { leaseGroups } = this.#options;
    const isElsewhere = ({ state: { change, config, wanted } }: GroupInUse): boolean =>
      (change?.stage === 'joint' ? change.to : config).configHash !== wanted.configHash;
    if (leaseGroups().some(isElsewhere) || this.#isUpToDate()) return;
    this.close();
    this.open();
    for (const group of leaseGroups()) group.witnessReachable(false);
  }

  close(): void {
    this.#lastSequence = this.#opened?.link.lastSequence ?? this.#lastSequence;
    this.#opened?.link.close();
    this.#opened = undefined;
  }

  #isUpToDate(): boolean {
    const { leaseGroups, setting } = this.#options;
    const { config, secrets } = setting();
    const opened = this.#opened;
    if (config.witness === null || secrets.witness === null) return opened === undefined;
    const { url, cluster } = config.witness;
    if (opened?.url !== url || opened.cluster !== cluster || opened.witnessId !== secrets.witness.witnessId)
      return false;
    // One that has come since has been told nothing of, which is not worth another link.
    const told = new Map(knownGroups(leaseGroups()).map(({ group, configHash }) => [group, configHash]));
    return leaseGroups().every(({ name }) => !opened.hashes.has(name) || opened.hashes.get(name) === told.get(name));
  }
}
