import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MemberConfig } from '@tiebreak/shared/lease';
import { skewTimeUs } from '@tiebreak/shared/vrrp';
import { type GroupStatus, type Health, type Operations, type Outcome, type Status, startApi } from '../api/index.ts';
import type { Checker, Task } from '../checks/index.ts';
import {
  type Config,
  configHash,
  type GroupConfig,
  type LeaseGroupConfig,
  type Secrets,
  settingsDigest,
  type VirtualRouterConfig,
} from '../config/index.ts';
import { FloatingIps } from '../floating-ip/index.ts';
import { holdOffMs } from '../guardian/hold-off.ts';
import type { Handover } from '../guardian/index.ts';
import { HistoryLog, openHistoryFile } from '../history/index.ts';
import { type FenceOptions, GROUP_ID_MAX, openHopLimitDrops } from '../kernel/fence/index.ts';
import { boottimeUs, kernelTickUs, type Link, openRtnetlink, type Rtnetlink } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import { type Exposition, expose, ProcessWatch } from '../metrics/index.ts';
import { Notifier, receiversOf } from '../notify/index.ts';
import { OwnershipBoard } from '../ownership/index.ts';
import { plan, type ReloadPlan } from '../reload/index.ts';
import { type ServiceManager, statusInWords } from '../service-manager/index.ts';
import { readBootId } from '../state/boot-id.ts';
import { type KeptPromises, openKeptPromises } from '../state/kept-promises.ts';
import { type MaintenanceFile, openMaintenanceFile } from '../state/maintenance-file.ts';
import { openRegisterFile, type RegisterFile } from '../state/register-file.ts';
import { replaceFile } from '../state/replace-file.ts';
import { openStateFile, type StateFile } from '../state/state-file.ts';
import { agentVersion } from '../version.ts';
import type { Report, WitnessLink } from '../witness-link/index.ts';
import { openChecker, refuseUnsafePrograms, tasksOf } from './checks.ts';
import { SYSTEM_CLOCK } from './clock.ts';
import { narrowFence, type PreparedFence, plainIdsOf, prepareFence } from './fence-reload.ts';
import { FramePacer } from './frame-pacer.ts';
import { GroupStanding, plainDecision } from './group-standing.ts';
import { handoverOf } from './handover.ts';
import { type Hearing, hearingPeersOnly } from './hearing.ts';
import { HopLimitWatch } from './hop-limit-watch.ts';
import { LeaseGroup } from './lease-group.ts';
import { metricsReading } from './metrics-reading.ts';
import { clearLeftOverRoutes, clearLeftOvers, fencedInterfaces, type OpenedFence, openFence } from './open-fence.ts';
import { openWitness } from './open-witness.ts';
import { operationsOn } from './operations.ts';
import { inTime } from './patience.ts';
import { claimProcessor } from './processor.ts';
import { type Loop, lateLoop, stuckAfterUs } from './progress.ts';
import { PushWatch } from './push-watch.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import { Reconciler } from './reconciler.ts';
import { rehearseTakeovers } from './rehearsal.ts';
import {
  type PreparedRouters,
  prepareRouters,
  type ReadConfiguration,
  refusalText,
  reloadText,
  replaceRouters,
  withNewAddresses,
  withNewRouters,
} from './reload-parts.ts';
import { type PreparedLinks, Sideband } from './sideband.ts';
import { SignsOfLife } from './signs-of-life.ts';
import { StartFailure, valueOrFail } from './start-failure.ts';
import { leaseGroupStatus, type OwnStatus, vrrpGroupStatus } from './status.ts';
import { VirtualMacs } from './virtual-mac.ts';
import { openVirtualRouter, type ReconciledRouter } from './virtual-router.ts';
import { VrrpGroup } from './vrrp-group.ts';
import { WitnessHealth } from './witness-health.ts';
import { groupReport, peerReports } from './witness-report.ts';
import { WitnessRoutes } from './witness-route.ts';

/** The version of what L16 calls the protocol: nodes that differ refuse each other's votes. */
const LEASE_PROTOCOL = 1;
/** How long before the lease's end the fence closes, in kernel ticks (DESIGN section 4). */
const GUARD_TICKS = 5;
/** A fence that nobody can close ends within 1.7 s, and a departure takes 3 s at most. systemd waits for 10 s. */
const STOP_PATIENCE_MS = 5_000;
/** Enough for V8 to have compiled the path; together some 50 ms. */
const REHEARSALS = 6;
/** Beyond the patience: what leaves the kernel, the threads, the last writes, and the local API. */
const CLOSE_PATIENCE_MS = 3_000;
/** For what is still to be written: as long as notifications get. */
const DISK_PATIENCE_MS = 2_000;

/** In `run_dir`. */
const IN_FORCE_FILE = 'configuration.toml';

/** Also in the log, at the moment when it happens. */
const GUARDIAN_GONE =
  'the guardian has died, so that a crash would cost a master-down time: restart the agent when a handover is convenient';

export type AgentOptions = {
  readonly config: Config;
  readonly secrets: Secrets;
  /** The file's text that `config` was made of, and how to read the file again; undefined: it cannot be. */
  readonly source?: ConfigurationSource | undefined;
  readonly log: Logger;
  /** Who looks after what this process leaves behind should it die; undefined: nobody. */
  readonly guardian?: Guardian | undefined;
  /** Who started the service, if it wants to know how it fares. */
  readonly serviceManager?: ServiceManager | undefined;
  /** How often an engine has crashed lately, this one's predecessor included. */
  readonly recentCrashes?: number;
};

export type ConfigurationSource = { readonly text: string; readonly read: () => ReadConfiguration };

type PreparedReload = { readonly apply: () => void; readonly finish: () => Promise<void> };
type ReloadReport = { readonly atMs: number; readonly ok: boolean; readonly detail: string };

type ReloadParts = {
  readonly tasks: readonly Task[];
  readonly groups: readonly PreparedRouters[];
  readonly links: PreparedLinks;
  readonly fence: PreparedFence | undefined;
};

export interface Guardian {
  /** null: it has gone. */
  readonly pid: () => number | null;
  readonly prepare: (handover: Handover) => void;
  /** Every loop has done what it had to do by now. */
  readonly progress: () => void;
}

/** Everything that one agent process runs: built in order, taken down in reverse. */
export class Agent {
  #config: Config;
  #secrets: Secrets;
  readonly #source: ConfigurationSource | undefined;
  readonly #log: Logger;
  #leaseGroups: readonly LeaseGroup[] = [];
  #vrrpGroups: readonly VrrpGroup[] = [];
  #routers: readonly ReconciledRouter[] = [];
  readonly #pacer = new FramePacer(SYSTEM_CLOCK);
  readonly #hearing = new Map<ReconciledRouter, Hearing>();
  readonly #standings = new Map<string, GroupStanding>();
  /** Every group in mode `lease` that has run here since the start. */
  readonly #ranHere = new Set<string>();
  /** Configured no more, and not gone yet. */
  #departing: readonly GroupConfig[] = [];
  #reloading = false;
  #lastReload: ReloadReport | undefined;
  /** Wall clock, ms: since when the configuration in force is that. */
  #inForceSinceMs = Date.now();
  #sideband: Sideband | undefined;
  #witness: WitnessLink | undefined;
  #routes: WitnessRoutes | undefined;
  readonly #guardian: Guardian | undefined;
  #fence: OpenedFence | undefined;
  #hopLimits: HopLimitWatch | undefined;
  #installed: { readonly secret: Uint8Array; readonly options: FenceOptions } | undefined;
  #state: StateFile | undefined;
  readonly #kept = new Map<string, KeptPromises>();
  #rtnetlink: Rtnetlink | undefined;
  #reconciler: Reconciler | undefined;
  #virtualMacs: VirtualMacs | undefined;
  #started = false;
  #stopping = false;
  readonly #bootId = readBootId();
  #history: HistoryLog | undefined;
  #flushHistory: () => Promise<void> = async () => {};
  /** Where the text of the configuration in force is; null: nowhere. */
  #inForce: string | null = null;
  #maintenance: MaintenanceFile | undefined;
  #checker: Checker | undefined;
  #pushes: PushWatch | undefined;
  readonly #ownership: OwnershipBoard;
  #notifier: Notifier | undefined;
  #floatingIps: FloatingIps | undefined;
  #changes = 0;
  readonly #signsOfLife: SignsOfLife;
  readonly #processWatch = new ProcessWatch();
  readonly #recentCrashes: number;
  /** CLOCK_BOOTTIME: after a crash loop, and for `start_delay`, no group stands of its own accord before. */
  readonly standNotBeforeUs: number;
  #closeApi: () => Promise<void> = async () => {};

  constructor({ config, secrets, source, log, guardian, serviceManager, recentCrashes = 0 }: AgentOptions) {
    this.#guardian = guardian;
    this.#config = config;
    this.#secrets = secrets;
    this.#source = source;
    this.#log = log;
    this.#ownership = new OwnershipBoard(GROUP_ID_MAX);
    this.#recentCrashes = recentCrashes;
    // After a crash the hosts around have been up all the time.
    const startDelayUs = recentCrashes === 0 ? config.startDelayUs : 0;
    this.standNotBeforeUs = boottimeUs() + Math.max(holdOffMs(recentCrashes) * 1000, startDelayUs);
    this.#signsOfLife = new SignsOfLife({
      loops: () => this.#loops(),
      nowUs: boottimeUs,
      tellGuardian: () => guardian?.progress(),
      serviceManager,
      status: () => statusInWords(this.#status().groups),
    });
  }

  /** Throws StartFailure; what was started by then is taken down again by `close`. */
  async start(): Promise<void> {
    const { groups, node } = this.#config;
    const leases = groups.filter((group) => group.mode === 'lease');
    this.#rtnetlink = valueOrFail(openRtnetlink(), 'reading the interfaces');
    const found = valueOrFail(this.#rtnetlink.links(), 'reading the interfaces');
    requireInterfaces(groups, found);
    refuseUnsafePrograms(groups);
    const state = this.#openState(leases);
    this.#openHistory(state.incarnation);
    this.#maintenance = openMaintenanceFile(this.#config.stateDir);
    // A closed fence comes first: whatever an earlier run left in the kernel answers for nothing from here on.
    this.#fence = openFence(groups, found, this.#log, (secret, options) => {
      // A new installation covers what has come since the first one too.
      this.#installed = { secret, options: this.#installed?.options ?? options };
      this.#prepareGuardian();
    });
    this.#hopLimits = this.#watchHopLimits();
    this.#virtualMacs = new VirtualMacs(this.#rtnetlink, this.#log);
    this.#virtualMacs.clearLeftOvers(this.#fence);
    if (this.#fence !== undefined) clearLeftOverRoutes(this.#rtnetlink, this.#log);
    clearLeftOvers(groups, found, this.#rtnetlink, this.#log);
    this.#virtualMacs.make(groups, this.#fence);
    const links = valueOrFail(this.#rtnetlink.links(), 'reading the interfaces');
    for (const group of groups) {
      const routers: ReconciledRouter[] = [];
      for (const router of group.virtualRouters) {
        // One that fails leaves the others to `close`.
        routers.push(this.#openRouter(group, router, links, this.#secrets));
        this.#routers = [...this.#routers, ...routers.slice(-1)];
      }
      this.#addGroup(group, routers);
    }
    this.#sideband = new Sideband({
      node,
      incarnation: state.incarnation,
      log: this.#log,
      onMet: () => this.#prepareGuardian(),
      relay: (to, datagram) => this.#witness?.relay(to, datagram),
    });
    (await this.#sideband.prepare(this.#leaseGroups, this.#secrets)).apply(this.#leaseGroups);
    this.#openWitness();
    await this.#openApi();

    // Before anyone counts on this node's answers.
    if (leases.length > 0 && this.#fence !== undefined) {
      rehearseTakeovers(REHEARSALS, { fence: this.#fence.fence, rtnetlink: this.#rtnetlink }, this.#log);
    }
    claimProcessor(this.#log);
    this.#started = true;
    this.#prepareGuardian();
    this.#startFollowers();
    this.#sideband.start();
    for (const group of this.#leaseGroups) this.#startLeaseGroup(group);
    for (const group of this.#vrrpGroups) this.#startVrrpGroup(group, this.standNotBeforeUs);
    this.#checker = openChecker(() => this.#groups(), this.#log);
    this.#checker.start();
    this.#pushes = new PushWatch(() => this.#groups());
    this.#pushes.change();
    this.#reconciler = this.#startReconciler(this.#rtnetlink, links);
    this.#recordInForce(this.#source?.text);
    this.#prepareGuardian();
    this.#signsOfLife.start();
    this.#log.info(
      { node, version: agentVersion(), incarnation: state.incarnation, fence: this.#fence?.fence.level },
      `node ${node} runs ${groups.map(({ name }) => name).join(', ')}${quarantines(this.#leaseGroups)}`,
    );
  }

  /** Hands over whatever is owned here, and leaves its votes to the survivors (L17); does not wait for them for ever. */
  async leave(): Promise<void> {
    this.#stopping = true;
    this.#signsOfLife.stopping(STOP_PATIENCE_MS + CLOSE_PATIENCE_MS);
    await stopInTurn(this.#vrrpGroups);
    await inTime(Promise.all(this.#leaseGroups.map((group) => group.stop())), STOP_PATIENCE_MS);
  }

  /** Leaves nothing behind in the kernel, and does that first: what comes after it may take time. */
  async close(): Promise<void> {
    this.#reconciler?.close();
    this.#pushes?.close();
    this.#hopLimits?.close();
    for (const group of this.#leaseGroups) group.close();
    const gone = this.#routers.map((router) => router.removeAddresses()).every(Boolean);
    this.#witness?.close();
    // At once, so that what each says last does not wait for the sockets of the others.
    await Promise.all(this.#routers.map((router) => router.close()));
    this.#sideband?.close();
    this.#virtualMacs?.close();
    if (gone) {
      const removed = this.#fence?.fence.remove();
      if (removed !== undefined && !removed.ok) this.#log.warn(`the fence's tables are still there: ${removed.text}`);
    } else if (this.#fence !== undefined) {
      // Without the fence this host would answer for an address that another one may own by now.
      this.#log.error(
        'the fence stays, closed: an address could not be removed; remove it by hand, or start the agent',
      );
    }
    this.#rtnetlink?.close();
    this.#state?.close();
    // Side by side: each may use up its patience, and the service manager has its own.
    const written = Promise.all([...Array.from(this.#kept.values(), (kept) => kept.close()), this.#flushHistory()]);
    const [isWritten] = await Promise.all([
      inTime(written, DISK_PATIENCE_MS),
      this.#checker?.close(),
      this.#notifier?.close(),
      this.#floatingIps?.close(),
    ]);
    const { stateDir } = this.#config;
    if (!isWritten)
      this.#log.error(`${stateDir} does not answer (a dead file system?): what was still to be written there is lost`);
    await this.#closeApi();
    this.#signsOfLife.end();
    this.#processWatch.close();
  }

  /**
   * Reads the configuration again, with its keys and tokens, and goes over to it: all of it or nothing. A group that has not
   * changed notices nothing; one that has goes on owning what it owns. Resolves once those that are gone have departed.
   */
  async reload(): Promise<Outcome> {
    if (this.#reloading) return refused('a reload is under way: wait for it');
    if (this.#stopping || !this.#started) return refused('the agent starts or stops');
    this.#reloading = true;
    this.#signsOfLife.reloading();
    const outcome = await this.#reloadNow().catch((cause: unknown) => {
      // A bug has left it half done: this engine ends, and the next one begins with a whole configuration.
      setImmediate(() => {
        throw cause;
      });
      throw cause;
    });
    this.#reloading = false;
    this.#signsOfLife.reloaded();
    this.#lastReload = { atMs: Date.now(), ok: outcome.ok, detail: outcome.detail };
    if (outcome.ok) {
      this.#inForceSinceMs = this.#lastReload.atMs;
      this.#log.info(outcome.detail);
    } else {
      this.#log.error(`the configuration was not reloaded, and the one before stays in force:\n${outcome.detail}`);
    }
    return outcome;
  }

  async #reloadNow(): Promise<Outcome> {
    const read = this.#source?.read();
    if (read === undefined) return refused('this agent was started without a file');
    if (!read.ok) return refused(read.problems);
    const former = { config: this.#config, secrets: this.#secrets };
    const planned = plan(former, read.setting, new Set(plainIdsOf(this.#fence).values()));
    if (!planned.ok) return refused(refusalText(planned.refused));
    let change: PreparedReload;
    try {
      change = await this.#prepareReload(planned, read.setting.secrets);
    } catch (cause) {
      if (cause instanceof StartFailure) return refused(`${cause.message}\nnothing was changed`);
      throw cause;
    }
    for (const warning of read.warnings) this.#log.warn(warning);
    change.apply();
    this.#recordInForce(read.text);
    this.#prepareGuardian();
    await change.finish();
    return { ok: true, detail: reloadText(planned) };
  }

  /**
   * Opens all that the change needs, up to the fence, in which what is new is held back and what goes is withdrawn. Throws
   * StartFailure, and then nothing has changed.
   */
  async #prepareReload(planned: ReloadPlan, secrets: Secrets): Promise<PreparedReload> {
    const { config, added, changed, removed } = planned;
    const rtnetlink = this.#opened(this.#rtnetlink);
    const virtualMacs = this.#opened(this.#virtualMacs);
    const sideband = this.#opened(this.#sideband);
    const present = valueOrFail(rtnetlink.links(), 'reading the interfaces');
    requireInterfaces(config.groups, present);
    refuseUnsafePrograms(config.groups);
    const tasks = tasksOf(config.groups);
    // What departs still speaks, with the keys of before.
    const groupKeys = new Map([...this.#secrets.groupKeys, ...secrets.groupKeys]);
    const leases = [...config.groups, ...removed].filter((group) => group.mode === 'lease');
    const links = await sideband.prepare(
      leases.map((group) => ({ config: group })),
      { groupKeys },
    );
    const undo: (() => void)[] = [links.abandon];
    try {
      clearLeftOvers(withNewAddresses(this.#config.groups, config.groups), present, rtnetlink, this.#log);
      const fence = prepareFence({
        plan: planned,
        groups: this.#config.groups,
        before: this.#installed?.options,
        opened: this.#fence,
        interfaces: fencedInterfaces(present),
        log: this.#log,
      });
      if (fence !== undefined) undo.push(fence.undo);
      const macs = withNewRouters(this.#config.groups, config.groups);
      undo.push(() => virtualMacs.remove(macs.flatMap((group) => group.virtualRouters)));
      virtualMacs.make(macs, fence?.opened);
      const now = valueOrFail(rtnetlink.links(), 'reading the interfaces');
      const groups = [...changed.map(({ to }) => to), ...added].map((group) => {
        const former = this.#config.groups.find(({ name }) => name === group.name);
        const own = former === undefined ? [] : this.#routersOf(former);
        const prepared = prepareRouters(group, own, { links: now, secrets }, (router) =>
          this.#openRouter(group, router, now, secrets),
        );
        undo.push(prepared.abandon);
        return prepared;
      });
      fence?.withdraw();
      return {
        apply: () => this.#applyReload(planned, secrets, { tasks, groups, links, fence }),
        finish: () => this.#finishReload(planned, { groups, fence }),
      };
    } catch (cause) {
      for (const step of undo.reverse()) step();
      throw cause;
    }
  }

  /** From here on nothing can fail, and nothing else happens in between. */
  #applyReload(
    { config, added, changed, removed }: ReloadPlan,
    secrets: Secrets,
    { tasks, groups, links, fence }: ReloadParts,
  ): void {
    const { webhookSecrets } = this.#secrets;
    const kept = this.#config.groups.flatMap((group) => (config.groups.includes(group) ? this.#routersOf(group) : []));
    const departing = removed.flatMap((group) => this.#routersOf(group));
    this.#config = config;
    this.#secrets = secrets;
    this.#departing = removed;
    this.#useFence(fence?.opened, fence?.between);
    for (const { to } of changed) {
      const prepared = groups.find(({ group }) => group === to);
      if (prepared !== undefined) this.#changeGroup(to, prepared);
    }
    this.#routers = [...kept, ...groups.flatMap(({ routers }) => routers), ...departing];
    const started = added.map((group) => {
      const prepared = groups.find((candidate) => candidate.group === group);
      return this.#addGroup(group, prepared?.routers ?? []);
    });
    links.apply(this.#leaseGroups);
    for (const group of this.#leaseGroups) group.useLinks(this.#opened(this.#sideband).linksOf(group));
    // Whoever is to be told that a group has gone is told by the secrets of before.
    const told = { webhookSecrets: new Map([...webhookSecrets, ...secrets.webhookSecrets]) };
    this.#notifier?.change(receiversOf([...config.groups, ...removed], told));
    this.#checker?.change(tasks);
    for (const group of started) {
      if (group instanceof LeaseGroup) this.#startLeaseGroup(group);
      else this.#startVrrpGroup(group, 0);
    }
    this.#pushes?.change();
    this.#reconciler?.look('read anew');
  }

  #changeGroup(to: GroupConfig, prepared: PreparedRouters): void {
    this.#standings.get(to.name)?.configure(to);
    if (to.mode === 'vrrp') {
      const group = this.#vrrpGroups.find(({ name }) => name === to.name);
      group?.holdGuards();
      replaceRouters(prepared);
      group?.configure(to);
      return;
    }
    const group = this.#leaseGroups.find(({ name }) => name === to.name);
    if (group === undefined) return;
    const hearing = hearingPeersOnly(group, this.#log);
    for (const router of prepared.added) this.#hearing.set(router, hearing);
    const member = { ...group.state.config, ...this.#memberConfig(to) };
    group.configure({ config: to, member, skewUsOf: skewOf(to) }, () => replaceRouters(prepared));
  }

  #useFence(opened: OpenedFence | undefined, options: FenceOptions | undefined): void {
    const installed = this.#installed;
    if (opened === undefined || options === undefined || installed === undefined) return;
    this.#fence = opened;
    this.#installed = { ...installed, options };
  }

  /** What goes departs in order, and only then is it held back no more. */
  async #finishReload(
    { config, removed }: ReloadPlan,
    { groups, fence }: Pick<ReloadParts, 'groups' | 'fence'>,
  ): Promise<void> {
    const names = new Set(removed.map(({ name }) => name));
    const leases = this.#leaseGroups.filter(({ name }) => names.has(name));
    await stopInTurn(this.#vrrpGroups.filter(({ name }) => names.has(name)));
    await inTime(Promise.all(leases.map((group) => group.stop())), STOP_PATIENCE_MS);
    // What the last step has to tell is told.
    await nextTurn();
    if (this.#stopping) return;
    for (const group of leases) group.close();
    const departed = removed.flatMap((group) => this.#routersOf(group));
    const gone = [...departed, ...groups.flatMap((group) => group.gone)];
    const left = new Set(groups.flatMap(({ group, addressesGone }) => (addressesGone ? [] : [group.id])));
    for (const group of removed) {
      const clear = this.#routersOf(group).map((router) => router.removeAddresses());
      if (!clear.every(Boolean)) left.add(group.id);
      this.#standings.delete(group.name);
    }
    const kept = removed.flatMap(({ name }) => this.#kept.get(name) ?? []);
    for (const name of names) this.#kept.delete(name);
    await inTime(Promise.all(kept.map((promises) => promises.close())), DISK_PATIENCE_MS);
    for (const router of gone) this.#hearing.delete(router);
    await Promise.all(gone.map((router) => router.close()));
    this.#leaseGroups = this.#leaseGroups.filter(({ name }) => !names.has(name));
    this.#vrrpGroups = this.#vrrpGroups.filter(({ name }) => !names.has(name));
    this.#routers = this.#routers.filter((router) => !departed.includes(router));
    this.#departing = [];
    this.#pushes?.change();
    this.#virtualMacs?.remove(gone.map((router) => router.config));
    if (fence !== undefined) {
      this.#useFence(fence.opened, await narrowFence(fence, left, () => this.#stopping, this.#log));
    }
    const sideband = this.#opened(this.#sideband);
    (await sideband.prepare(this.#leaseGroups, this.#secrets)).apply(this.#leaseGroups);
    for (const group of this.#leaseGroups) group.useLinks(sideband.linksOf(group));
    this.#notifier?.change(receiversOf(config.groups, this.#secrets));
    await this.#floatingIps?.change(config.groups, this.#secrets);
    this.#prepareGuardian();
  }

  /** A crashed engine's successor goes by it, whatever has become of the file. */
  #recordInForce(text: string | undefined): void {
    if (text === undefined) return;
    const path = join(this.#config.runDir, IN_FORCE_FILE);
    try {
      replaceFile(path, text);
      this.#inForce = path;
    } catch (cause) {
      this.#inForce = null;
      const why = cause instanceof Error ? cause.message : String(cause);
      this.#log.warn(`${path}: cannot be written: ${why}; after a crash the agent goes by the file as it is then`);
    }
  }

  /** Before the start has succeeded there is nothing to look after: a start that fails cleans up by itself. */
  #prepareGuardian(): void {
    const sideband = this.#sideband;
    const incarnation = this.#state?.incarnation;
    if (!this.#started || incarnation === undefined || sideband === undefined) return;
    this.#guardian?.prepare(
      handoverOf({
        config: { ...this.#config, groups: [...this.#config.groups, ...this.#departing] },
        inForce: this.#inForce,
        incarnation,
        bootId: this.#bootId,
        fence: this.#installed,
        groups: this.#leaseGroups,
        sideband,
        stuckAfterMs: this.#stuckAfterUs() / 1000,
      }),
    );
  }

  #openState(leases: readonly LeaseGroupConfig[]): StateFile {
    const names = leases.map(({ name }) => name);
    const complaints = new RateLimitedLog(this.#log);
    const opened = openStateFile({
      stateDir: this.#config.stateDir,
      groups: names,
      wallClockMs: Date.now(),
      bootId: this.#bootId,
      nowUs: boottimeUs,
      onFailure: (text) => complaints.error('state_dir', {}, `${text}; this node goes on with what it has reserved`),
    });
    if (!opened.ok) throw new StartFailure(opened.error);
    this.#state = opened.state;
    return opened.state;
  }

  #openHistory(incarnation: number): void {
    const complaints = new RateLimitedLog(this.#log);
    const file = openHistoryFile(this.#config.stateDir, (text) => complaints.error('history', {}, text));
    this.#history = new HistoryLog({ ...file, incarnation });
    this.#flushHistory = file.flush;
  }

  /** Throws StartFailure. */
  #openRouter(
    group: GroupConfig,
    config: VirtualRouterConfig,
    links: readonly Link[],
    secrets: Secrets,
  ): ReconciledRouter {
    const opened = openVirtualRouter({
      config,
      links,
      rtnetlink: this.#opened(this.#rtnetlink),
      log: this.#log,
      secrets,
      pacer: this.#pacer,
      onAdvertisement: (heard, router) => this.#hearing.get(router)?.(heard, router),
    });
    if (!opened.ok) throw new StartFailure(`group ${group.name}: ${opened.error}`);
    return opened.router;
  }

  #addGroup(config: GroupConfig, routers: readonly ReconciledRouter[]): LeaseGroup | VrrpGroup {
    const standing = this.#standing(config);
    this.#standings.set(config.name, standing);
    if (config.mode === 'vrrp') {
      const guards = this.#fence?.guards ?? new Map();
      const group = new VrrpGroup({ config, ios: routers, guards, standing, log: this.#log });
      this.#vrrpGroups = [...this.#vrrpGroups, group];
      for (const router of routers) this.#hearing.set(router, (heard) => group.hear(router.config, heard));
      const text = `${config.name}: mode = "vrrp" is unprotected: a cut link makes two owners`;
      this.#log.warn({ group: config.name }, text);
      return group;
    }
    const group = this.#leaseGroup(config, standing);
    this.#leaseGroups = [...this.#leaseGroups, group];
    const hearing = hearingPeersOnly(group, this.#log);
    for (const router of routers) this.#hearing.set(router, hearing);
    return group;
  }

  #startLeaseGroup(group: LeaseGroup): void {
    group.fitness.setMaintenance(this.#maintenance?.on ?? false);
    group.start(this.#sideband?.linksOf(group) ?? [], this.#routersOf(group.config));
  }

  #startVrrpGroup(group: VrrpGroup, notBeforeUs: number): void {
    group.setMaintenance(this.#maintenance?.on ?? false);
    group.start(notBeforeUs);
  }

  #groups(): (LeaseGroup | VrrpGroup)[] {
    return [...this.#leaseGroups, ...this.#vrrpGroups];
  }

  #routersOf({ virtualRouters }: GroupConfig): ReconciledRouter[] {
    return virtualRouters.flatMap((config) => this.#routers.find((router) => router.config === config) ?? []);
  }

  /** What the start has opened. */
  #opened<Part>(part: Part | undefined): Part {
    if (part === undefined) throw new Error('the agent has not started');
    return part;
  }

  #standing(config: GroupConfig): GroupStanding {
    const { node } = this.#config;
    return new GroupStanding({
      config,
      node,
      board: this.#ownership,
      nowUs: boottimeUs,
      nextId: () => {
        this.#changes += 1;
        return `${node}-${config.name}-${this.#state?.incarnation}-${this.#changes}`;
      },
      onChange: (change) => {
        // In mode "lease" the group itself tells the history, with the votes.
        if (config.mode === 'vrrp') {
          this.#history?.add(plainDecision(change));
          this.#witness?.reportSoon();
        }
        this.#notifier?.changed(change);
        this.#floatingIps?.changed(change.group);
      },
    });
  }

  /** Who acts upon a change, beside the engine. */
  #startFollowers(): void {
    const ownership = this.#ownership.buffer;
    const log = this.#log;
    this.#notifier = new Notifier({
      receivers: receiversOf(this.#config.groups, this.#secrets),
      stateDir: this.#config.stateDir,
      ownership,
      log,
    });
    this.#notifier.start();
    this.#floatingIps = new FloatingIps({ groups: this.#config.groups, secrets: this.#secrets, ownership, log });
    this.#floatingIps.start();
  }

  #watchHopLimits(): HopLimitWatch | undefined {
    if (this.#fence === undefined) return undefined;
    const drops = valueOrFail(openHopLimitDrops(), "reading the fence's counters");
    return new HopLimitWatch(drops, new RateLimitedLog(this.#log));
  }

  #startReconciler(rtnetlink: Rtnetlink, links: readonly Link[]): Reconciler {
    const reconciler = new Reconciler({
      rtnetlink,
      links,
      routers: () => this.#routers,
      fence: this.#fence?.fence,
      nextActUs: () => Math.min(...this.#leaseGroups.map((group) => group.nextDeadlineUs), Number.POSITIVE_INFINITY),
      nowUs: boottimeUs,
      onCarrier: ({ config }, up) => {
        const group = this.#groups().find((candidate) => candidate.config.virtualRouters.includes(config));
        group?.linkChanged(config.interface, up);
      },
      onFenced: (name) => {
        const installed = this.#installed;
        if (installed === undefined) return;
        const { secret, options } = installed;
        const interfaces = [...options.interfaces.filter((known) => known !== name), name];
        this.#installed = { secret, options: { ...options, interfaces } };
        this.#prepareGuardian();
      },
      log: this.#log,
    });
    reconciler.start();
    return reconciler;
  }

  #leaseGroup(config: LeaseGroupConfig, standing: GroupStanding): LeaseGroup {
    const { fence } = this.#opened(this.#fence);
    const state = this.#opened(this.#state);
    const group = new LeaseGroup({
      config,
      fence,
      log: this.#log,
      clock: SYSTEM_CLOCK,
      skewUsOf: skewOf(config),
      onHistory: (decision) => {
        this.#history?.add(decision);
        this.#witness?.reportSoon();
      },
      standing,
      member: {
        ...this.#memberConfig(config),
        // One that comes by a reload comes when somebody wants it.
        standNotBeforeUs: this.#started ? 0 : this.standNotBeforeUs,
        usedCounter: state.usedCounter(config.name),
        seed: randomBytes(4).readInt32BE(0),
      },
      witness: {
        vote: (ballot, promiseMs) => this.#witness?.vote(config.name, ballot, promiseMs),
        release: (ballot) => this.#witness?.release(config.name, ballot),
        reachable: () => this.#witness?.state().kind === 'connected',
      },
      ballots: {
        foresee: (counter) => state.foresee(config.name, counter),
        mayUse: (counter) => state.mayUse(config.name, counter),
      },
      register: this.#openRegister(config.name, state),
      kept: this.#openPromises(config.name),
      fenceReplaced: (alsoClosed) => {
        for (const other of this.#leaseGroups) if (alsoClosed.includes(other.config.id)) other.fenceGone();
      },
    });
    this.#ranHere.add(config.name);
    return group;
  }

  /** What follows from the configuration alone. */
  #memberConfig(config: LeaseGroupConfig): Omit<MemberConfig, 'standNotBeforeUs' | 'usedCounter' | 'seed'> {
    const { node } = this.#config;
    const witness = this.#witnessIdentity();
    return {
      node,
      group: config.name,
      peers: config.peers.map((peer) => peer.node),
      witness: witness !== null,
      policy: config.policy,
      intervalUs: config.intervalUs,
      priority: config.priority,
      skewUs: skewOf(config)(config.priority),
      preemptDelayUs: config.preempt ? config.preemptDelayUs : undefined,
      settings: settingsDigest(config),
      configHash: configHash(config, { node, witness, protocol: LEASE_PROTOCOL }),
      guardUs: GUARD_TICKS * kernelTickUs(),
    };
  }

  /** The fence is up by now: no earlier run writes there any more. */
  #openRegister(group: string, { incarnation, previous: before }: StateFile): RegisterFile {
    const complaints = new RateLimitedLog(this.#log);
    // A group that was here before, and is back after a reload, goes by what this very run has left (L9).
    const previous = this.#ranHere.has(group) ? { incarnation, bootId: this.#bootId } : before;
    return openRegisterFile({
      runDir: this.#config.runDir,
      group,
      bootId: this.#bootId,
      incarnation,
      previous,
      nowUs: boottimeUs(),
      onProblem: (text) => complaints.warn('run_dir', { group }, text),
    });
  }

  #openPromises(group: string): KeptPromises {
    const complaints = new RateLimitedLog(this.#log);
    const opened = openKeptPromises({
      stateDir: this.#config.stateDir,
      group,
      onFailure: (text) => {
        complaints.error(
          'state_dir',
          { group },
          `${text}; until it can, this node gives no long promise and does not depart`,
        );
      },
    });
    if (!opened.ok) throw new StartFailure(opened.error);
    this.#kept.set(group, opened.kept);
    return opened.kept;
  }

  #witnessIdentity(): { cluster: string; witnessId: string } | null {
    const cluster = this.#config.witness?.cluster;
    const witnessId = this.#secrets.witness?.witnessId;
    return cluster === undefined || witnessId === undefined ? null : { cluster, witnessId };
  }

  /** Once there is a group that asks it. */
  #openWitness(): void {
    const { witness: config, node } = this.#config;
    const { witness: credential } = this.#secrets;
    if (config === null || credential === null) return;
    this.#routes = new WitnessRoutes({
      rtnetlink: this.#opened(this.#rtnetlink),
      groups: () => this.#config.groups,
      log: this.#log,
    });
    const health = new WitnessHealth(this.#operations().reportHealth, new RateLimitedLog(this.#log));
    this.#witness = openWitness({
      node,
      config,
      credential,
      groups: () => this.#leaseGroups,
      tokenFile: () => this.#config.witness?.tokenFile ?? config.tokenFile,
      state: this.#opened(this.#state),
      log: this.#log,
      routes: this.#routes,
      report: () => this.#witnessReport(),
      onPassedOn: (from, datagram) => this.#sideband?.passedOn(from, datagram),
      onHealth: (report) => health.heard(report),
    });
  }

  #operations(): Operations {
    return operationsOn({
      leases: () => this.#leaseGroups,
      plains: () => this.#vrrpGroups,
      maintenance: this.#maintenance,
      onPush: (group, check) => this.#pushes?.heard(group, check),
      reload: () => this.reload(),
    });
  }

  #witnessReport(): Report {
    return {
      peers: peerReports(this.#sideband?.links ?? [], this.#leaseGroups, boottimeUs()),
      groups: this.#status().groups.map(groupReport),
      decisions: this.#history?.entries ?? [],
    };
  }

  async #openApi(): Promise<void> {
    const api = await startApi({
      listen: this.#config.api.listen,
      runDir: this.#config.runDir,
      token: () => this.#secrets.apiToken,
      status: () => this.#status(),
      history: () => this.#history?.entries ?? [],
      operations: this.#operations(),
      metrics: () => this.#metrics(),
      health: () => this.#health(),
      onError: (error) => this.#log.error({ err: error }, 'the local API failed'),
    });
    if (!api.ok) throw new StartFailure(api.error);
    this.#closeApi = api.close;
  }

  #metrics(): Promise<Exposition> {
    return expose(
      metricsReading({
        status: this.#status(),
        healthy: this.#health().ok,
        engine: this.#processWatch.read(),
        recentCrashes: this.#recentCrashes,
        leaseGroups: this.#leaseGroups,
        vrrpGroups: this.#vrrpGroups,
        routers: this.#routers,
        sideband: this.#sideband,
        witness: this.#witness,
        fence: this.#fence?.fence,
        hopLimits: this.#hopLimits,
        reconciler: this.#reconciler,
        history: this.#history,
      }),
    );
  }

  #status(): Status {
    return {
      node: this.#config.node,
      version: agentVersion(),
      process: { engine_pid: process.pid, guardian_pid: this.#guardian?.pid() ?? null },
      config: this.#configStatus(),
      groups: this.#ownStatus().map((own) => {
        const floatingIps = this.#floatingIps?.statusOf(own.name) ?? [];
        const group = { ...own, notify: this.#notifyStatus(own.name), floating_ips: floatingIps };
        return this.#guardianGone() ? withReason(group, GUARDIAN_GONE) : group;
      }),
    };
  }

  #configStatus(): Status['config'] {
    const last = this.#lastReload;
    return {
      in_force_since: new Date(this.#inForceSinceMs).toISOString(),
      last_reload:
        last === undefined ? null : { at: new Date(last.atMs).toISOString(), ok: last.ok, detail: last.detail },
    };
  }

  #notifyStatus(name: string): GroupStatus['notify'] {
    const receivers = this.#notifier?.receivers ?? [];
    return receivers.filter(({ group }) => group === name).map(({ group: _, ...receiver }) => receiver);
  }

  #ownStatus(): OwnStatus[] {
    return this.#config.groups.flatMap((config) => {
      const lease = this.#leaseGroups.find((group) => group.config === config);
      if (lease !== undefined) {
        const links = this.#sideband?.linksOf(lease) ?? [];
        return [leaseGroupStatus(lease, links, this.#witness, boottimeUs(), this.#routes?.problem)];
      }
      const plain = this.#vrrpGroups.find((group) => group.config === config);
      return plain === undefined ? [] : [vrrpGroupStatus(plain, this.#config.node, this.#witness, boottimeUs())];
    });
  }

  #guardianGone(): boolean {
    return this.#guardian !== undefined && this.#guardian.pid() === null;
  }

  #loops(): Loop[] {
    return [...this.#leaseGroups, ...this.#vrrpGroups.flatMap(({ loops }) => loops)];
  }

  #stuckAfterUs(): number {
    const routers = this.#config.groups.flatMap(({ virtualRouters }) => virtualRouters);
    return stuckAfterUs(routers.map((router) => router.advertisementIntervalUs));
  }

  #health(): Health {
    const late = lateLoop(this.#loops(), boottimeUs(), this.#stuckAfterUs());
    if (late === undefined) return { ok: true, detail: 'every group makes progress' };
    const seconds = Math.round(late.lateUs / 1_000_000);
    return { ok: false, detail: `group ${late.name} has made no progress for ${seconds} s` };
  }
}

/** RFC 9568 Skew_Time in µs of a priority. */
function skewOf({ virtualRouters: [first], intervalUs }: LeaseGroupConfig): (priority: number) => number {
  if (first === undefined) throw new Error('a lease group has a virtual router');
  return (priority) => skewTimeUs(first.version, priority, intervalUs);
}

/** Each one's priority 0 leaves before the kernel takes its time with the next one's addresses. */
async function stopInTurn(groups: readonly VrrpGroup[]): Promise<void> {
  for (const group of groups) {
    group.stop();
    await nextTurn();
  }
}

function refused(detail: string): Outcome {
  return { ok: false, reason: 'refused', detail };
}

function withReason(group: GroupStatus, reason: string): GroupStatus {
  return { ...group, reason: group.reason === null ? reason : `${group.reason}; ${reason}` };
}

function quarantines(groups: readonly LeaseGroup[]): string {
  const waits = groups.flatMap(({ name, state: { role } }) => {
    const remainingUs = role.name === 'initialize' ? role.untilUs - boottimeUs() : 0;
    return remainingUs > 0 ? [`${name} votes and stands after ${(remainingUs / 1_000_000).toFixed(1)} s`] : [];
  });
  return waits.map((text) => `; ${text}`).join('');
}

function requireInterfaces(groups: readonly GroupConfig[], links: readonly Link[]): void {
  for (const group of groups) {
    for (const { interface: name } of group.virtualRouters) {
      if (links.some((link) => link.name === name)) continue;
      const there = links.filter(({ loopback }) => !loopback).map((link) => link.name);
      const has = there.join(', ') || 'none but lo';
      throw new StartFailure(`group ${group.name}: there is no interface ${name}; this host has ${has}`);
    }
  }
}
