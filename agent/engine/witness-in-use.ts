import type { PassedHealth } from '@tiebreak/shared/wire';
import type { Rtnetlink } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import type { Setting } from '../reload/index.ts';
import type { StateFile } from '../state/state-file.ts';
import type { Report, WitnessLink } from '../witness-link/index.ts';
import type { LeaseGroup } from './lease-group.ts';
import { knownGroups, openWitness } from './open-witness.ts';
import { WitnessRoutes } from './witness-route.ts';

export type WitnessInUseOptions = {
  readonly rtnetlink: Rtnetlink;
  readonly state: StateFile;
  readonly log: Logger;
  /** As they are then. */
  readonly setting: () => Setting;
  readonly leaseGroups: () => readonly LeaseGroup[];
  readonly report: () => Report;
  readonly onPassedOn: (from: string, datagram: Uint8Array) => void;
  readonly onHealth: (report: PassedHealth) => void;
};

type Opened = {
  readonly url: string;
  readonly cluster: string;
  readonly witnessId: string;
  /** What its hello has said of each group. */
  readonly hashes: ReadonlyMap<string, string>;
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

  constructor(options: WitnessInUseOptions) {
    const { log, rtnetlink, setting } = options;
    this.#options = options;
    this.#routes = new WitnessRoutes({ rtnetlink, groups: () => setting().config.groups, log });
  }

  get link(): WitnessLink | undefined {
    return this.#opened?.link;
  }

  /** What is wrong with the way to it, for a person. */
  get wayProblem(): string | undefined {
    return this.#opened === undefined ? undefined : this.#routes.problem;
  }

  /** Opens the link to the configured witness, if there is one. */
  open(): void {
    const { leaseGroups, log, onHealth, onPassedOn, report, setting, state } = this.#options;
    const { config, secrets } = setting();
    const { node, witness } = config;
    if (witness === null || secrets.witness === null) return;
    const link = openWitness({
      node,
      config: witness,
      credential: secrets.witness,
      groups: leaseGroups,
      tokenFile: () => setting().config.witness?.tokenFile ?? witness.tokenFile,
      state,
      log,
      routes: this.#routes,
      report,
      onPassedOn,
      onHealth,
    });
    const { url, cluster } = witness;
    const hashes = new Map(knownGroups(leaseGroups()).map(({ group, configHash }) => [group, configHash]));
    this.#opened = { url, cluster, witnessId: secrets.witness.witnessId, hashes, link };
  }

  /** Goes over to what is configured by now, once every group is free to; and says hello anew once one has gone over. */
  follow(): void {
    const { leaseGroups } = this.#options;
    if (leaseGroups().some(({ state: { change } }) => change !== undefined && change.stage !== 'joint')) return;
    if (this.#isUpToDate()) return;
    this.close();
    this.open();
    for (const group of leaseGroups()) group.witnessReachable(false);
  }

  close(): void {
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
    return knownGroups(leaseGroups()).every(
      ({ group, configHash }) => (opened.hashes.get(group) ?? configHash) === configHash,
    );
  }
}
