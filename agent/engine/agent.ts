import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Health, type Operations, type Outcome, otherAgent, type Status, startApi } from '../api/index.ts';
import type { Checker } from '../checks/index.ts';
import type { Config, GroupConfig, LeaseGroupConfig, Secrets, VirtualRouterConfig } from '../config/index.ts';
import { FloatingIps } from '../floating-ip/index.ts';
import { holdOffMs } from '../guardian/hold-off.ts';
import { type FenceOptions, GROUP_ID_MAX, openHopLimitDrops } from '../kernel/fence/index.ts';
import { boottimeUs, type Link, openRtnetlink, type Rtnetlink } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import { type Exposition, expose, ProcessWatch } from '../metrics/index.ts';
import { Notifier, receiversOf } from '../notify/index.ts';
import { OwnershipBoard } from '../ownership/index.ts';
import { plan, type ReloadPlan, type Setting } from '../reload/index.ts';
import { statusInWords } from '../service-manager/index.ts';
import { readBootId } from '../state/boot-id.ts';
import type { KeptPromises } from '../state/kept-promises.ts';
import { type MaintenanceFile, openMaintenanceFile } from '../state/maintenance-file.ts';
import type { StateFile } from '../state/state-file.ts';
import { agentVersion } from '../version.ts';
import type { Report } from '../witness-link/index.ts';
import type { AgentOptions, ConfigurationSource, Guardian } from './agent-options.ts';
import { openChecker, refuseUnsafePrograms } from './checks.ts';
import { SYSTEM_CLOCK } from './clock.ts';
import { identityReasons } from './explain-identity.ts';
import { narrowFence, plainIdsOf } from './fence-reload.ts';
import { FramePacer } from './frame-pacer.ts';
import type { GroupIdentity } from './group-identity.ts';
import { GroupStanding, plainDecision } from './group-standing.ts';
import { handoverOf } from './handover.ts';
import { type Hearing, hearingPeersOnly } from './hearing.ts';
import { HopLimitWatch } from './hop-limit-watch.ts';
import { LeaseGroup } from './lease-group.ts';
import { clearLeftOverRoutes, clearLeftOvers, requireNobodysAddresses, silences } from './left-overs.ts';
import { metricsReading } from './metrics-reading.ts';
import { nodeStatus, type ReloadReport } from './node-status.ts';
import { type OpenedFence, openFence } from './open-fence.ts';
import { identityText, memberConfig, openLeaseGroup, skewOf } from './open-lease-group.ts';
import {
  formerGroups,
  type OpenedHistory,
  openHistory,
  openIdentity,
  openPromises,
  openState,
  recordInForce,
} from './open-state.ts';
import { openWitness } from './open-witness.ts';
import { operationsOn } from './operations.ts';
import { inTime } from './patience.ts';
import { type PreparedReload, prepareReload, type ReloadFrom } from './prepare-reload.ts';
import { claimProcessor } from './processor.ts';
import { type Loop, lateLoop, stuckAfterUs } from './progress.ts';
import { PushWatch } from './push-watch.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import { Reconciler } from './reconciler.ts';
import { rehearseLeaseTakeovers, rehearsePlainTakeovers } from './rehearsal/index.ts';
import { type PreparedRouters, refusalText, reloadText, replaceRouters } from './reload-parts.ts';
import { requireInterfaces } from './require-interfaces.ts';
import { Sideband } from './sideband.ts';
import { SignsOfLife } from './signs-of-life.ts';
import { StartFailure, valueOrFail } from './start-failure.ts';
import { VirtualMacs } from './virtual-mac.ts';
import { openVirtualRouter, type ReconciledRouter } from './virtual-router.ts';
import { stopInTurn, VrrpGroup } from './vrrp-group.ts';
import { WitnessHealth } from './witness-health.ts';
import { WitnessInUse } from './witness-in-use.ts';
import { groupReport, peerReports } from './witness-report.ts';

/** A fence that nobody can close ends within 1.7 s, and a departure takes 3 s at most. systemd waits for 10 s. */
const STOP_PATIENCE_MS = 5_000;
/** Enough for V8 to have compiled the path; some 50 ms for each mode that there is. */
const REHEARSALS = 6;
/** Beyond the patience: what leaves the kernel, the threads, the last writes, and the local API. */
const CLOSE_PATIENCE_MS = 3_000;
/** For what is still to be written: as long as notifications get. */
const DISK_PATIENCE_MS = 2_000;

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
  #reloading: Promise<Outcome> | undefined;
  #lastReload: ReloadReport | undefined;
  /** Wall clock, ms: since when the configuration in force is that. */
  #inForceSinceMs = Date.now();
  #sideband: Sideband | undefined;
  #witness: WitnessInUse | undefined;
  readonly #identities = new Map<string, GroupIdentity>();
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
  #history: OpenedHistory | undefined;
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
    const { runDir, stateDir } = this.#config;
    await refuseOtherAgent(runDir);
    const state = openState(stateDir, leases, this.#bootId, this.#log);
    this.#state = state;
    this.#history = openHistory(stateDir, state.incarnation, this.#log);
    this.#maintenance = openMaintenanceFile(stateDir);
    const present = valueOrFail(this.#rtnetlink.addresses(), 'reading the addresses');
    // A closed fence comes first: whatever an earlier run left in the kernel answers for nothing from here on.
    this.#fence = openFence(groups, found, this.#log, present, (secret, options) => {
      // A new installation covers what has come since the first one too.
      this.#installed = { secret, options: this.#installed?.options ?? options };
      this.#prepareGuardian();
    });
    this.#hopLimits = this.#watchHopLimits();
    this.#virtualMacs = new VirtualMacs(this.#rtnetlink, this.#log);
    this.#virtualMacs.clearLeftOvers(this.#fence);
    if (this.#fence !== undefined) clearLeftOverRoutes(this.#rtnetlink, this.#log);
    const former = present.some(({ ours }) => ours) ? formerGroups(runDir) : [];
    clearLeftOvers([...groups, ...former], found, { rtnetlink: this.#rtnetlink, log: this.#log });
    requireNobodysAddresses(groups, found, this.#rtnetlink);
    this.#virtualMacs.make(groups, this.#fence);
    const links = valueOrFail(this.#rtnetlink.links(), 'reading the interfaces');
    for (const group of leases) {
      const kept = openPromises(stateDir, group.name, this.#log);
      this.#kept.set(group.name, kept);
      this.#identities.set(group.name, openIdentity(group, this.#setting, kept, this.#log));
    }
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
      relay: (to, datagram) => this.#witness?.link?.relay(to, datagram),
    });
    (await this.#sideband.prepare(this.#leaseGroups, this.#secrets)).apply(this.#leaseGroups);
    this.#witness = this.#openWitness();
    this.#witness.open();
    await this.#openApi();

    this.#rehearse();
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
    if (this.#source !== undefined) this.#inForce = recordInForce(runDir, this.#source.text, this.#log);
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
    const removed = this.#routers.map((router) => router.removeAddresses()).every(Boolean);
    this.#witness?.close();
    // At once, so that what each says last does not wait for the sockets of the others.
    await Promise.all(this.#routers.map((router) => router.close()));
    this.#sideband?.close();
    this.#virtualMacs?.close();
    if (removed && !this.#isSilencing()) {
      const taken = this.#fence?.fence.remove();
      if (taken !== undefined && !taken.ok) this.#log.warn(`the fence's tables are still there: ${taken.text}`);
    } else if (this.#fence !== undefined) {
      // Without the fence this host would answer for an address that another one may own by now.
      this.#log.error(
        'the fence stays, closed: an address could not be removed; remove it by hand, or start the agent',
      );
    }
    this.#rtnetlink?.close();
    this.#state?.close();
    // Side by side: each may use up its patience, and the service manager has its own.
    const written = Promise.all([...Array.from(this.#kept.values(), (kept) => kept.close()), this.#history?.flush()]);
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

  /** Whether the fence holds back what an earlier run has left, if this one has not got to it. */
  #isSilencing(): boolean {
    if (this.#rtnetlink === undefined || this.#installed === undefined) return false;
    const present = this.#rtnetlink.addresses();
    return !present.ok || silences(this.#installed.options, present.value);
  }

  /**
   * Reads the configuration again, with its keys and tokens, and goes over to it: all of it or nothing. A group that has not
   * changed notices nothing; one that has goes on owning what it owns. Resolves once those that are gone have departed.
   */
  async reload(): Promise<Outcome> {
    if (this.#reloading !== undefined) return refused('a reload is under way: wait for it');
    if (this.#stopping || !this.#started) return refused('the agent starts or stops');
    this.#reloading = this.#reloadAndReport();
    try {
      return await this.#reloading;
    } finally {
      this.#reloading = undefined;
    }
  }

  /** Resolves once no reload is under way. */
  async reloaded(): Promise<void> {
    await this.#reloading?.catch(() => undefined);
  }

  async #reloadAndReport(): Promise<Outcome> {
    this.#signsOfLife.reloading();
    const outcome = await this.#reloadNow().catch((cause: unknown) => {
      // A bug has left it half done: this engine ends, and the next one begins with a whole configuration.
      setImmediate(() => {
        throw cause;
      });
      throw cause;
    });
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
    const former = this.#setting;
    const planned = plan(former, read.setting, new Set(plainIdsOf(this.#fence).values()));
    if (!planned.ok) return refused(refusalText(planned.refused));
    const { secrets } = read.setting;
    let prepared: PreparedReload;
    try {
      prepared = await prepareReload(planned, secrets, this.#reloadFrom(former));
    } catch (cause) {
      if (cause instanceof StartFailure) return refused(`${cause.message}\nnothing was changed`);
      throw cause;
    }
    for (const warning of read.warnings) this.#log.warn(warning);
    this.#applyReload(planned, secrets, prepared);
    this.#inForce = recordInForce(this.#config.runDir, read.text, this.#log);
    this.#prepareGuardian();
    await this.#finishReload(planned, prepared);
    return { ok: true, detail: [reloadText(planned), ...this.#identitiesAhead()].join('\n') };
  }

  /** For a person: the groups that wait for their peers. */
  #identitiesAhead(): string[] {
    return this.#leaseGroups.flatMap(({ name, state }) =>
      identityReasons(state, boottimeUs()).map((reason) => `${name}: this node ${reason}`),
    );
  }

  #reloadFrom(setting: Setting): ReloadFrom {
    return {
      setting,
      rtnetlink: this.#opened(this.#rtnetlink),
      virtualMacs: this.#opened(this.#virtualMacs),
      sideband: this.#opened(this.#sideband),
      fence: this.#fence,
      fenceOptions: this.#installed?.options,
      routersOf: (group) => this.#routersOf(group),
      openRouter: (group, router, links, secrets) => this.#openRouter(group, router, links, secrets),
      isStopping: () => this.#stopping,
      log: this.#log,
    };
  }

  /** From here on nothing can fail, and nothing else happens in between. */
  #applyReload(
    { config, added, changed, removed }: ReloadPlan,
    secrets: Secrets,
    { tasks, groups, promises, links, fence }: PreparedReload,
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
    for (const [name, { kept, identity }] of promises) {
      this.#kept.set(name, kept);
      this.#identities.set(name, identity);
    }
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
    this.#witness?.follow();
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
    this.#identities.get(to.name)?.learn(identityText(to, this.#setting));
    const member = { ...group.state.config, ...memberConfig(to, this.#setting) };
    group.configure({ config: to, member, skewUsOf: skewOf(to) }, () => replaceRouters(prepared));
  }

  #useFence(opened: OpenedFence | undefined, options: FenceOptions | undefined): void {
    const installed = this.#installed;
    if (opened === undefined || options === undefined || installed === undefined) return;
    this.#fence = opened;
    this.#installed = { ...installed, options };
  }

  /** What goes departs in order, and only then is it held back no more. */
  async #finishReload({ config, removed }: ReloadPlan, { groups, fence }: PreparedReload): Promise<void> {
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
    this.#witness?.link?.reportSoon();
    this.#prepareGuardian();
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

  /** Before anyone counts on this node's answers. */
  #rehearse(): void {
    if (this.#fence === undefined) return;
    const { fence, guards } = this.#fence;
    const kernel = { fence, rtnetlink: this.#opened(this.#rtnetlink) };
    if (this.#leaseGroups.length > 0) rehearseLeaseTakeovers(REHEARSALS, kernel, this.#log);
    if (guards.size > 0) rehearsePlainTakeovers(REHEARSALS, kernel, this.#log);
  }

  #addGroup(config: GroupConfig, routers: readonly ReconciledRouter[]): LeaseGroup | VrrpGroup {
    const standing = this.#standing(config);
    this.#standings.set(config.name, standing);
    if (config.mode === 'vrrp') {
      const guards = this.#fence?.guards ?? new Map();
      const group = new VrrpGroup({ config, ios: routers, guards, standing, clock: SYSTEM_CLOCK, log: this.#log });
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
          this.#history?.log.add(plainDecision(change));
          this.#witness?.link?.reportSoon();
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

  get #setting(): Setting {
    return { config: this.#config, secrets: this.#secrets };
  }

  #leaseGroup(config: LeaseGroupConfig, standing: GroupStanding): LeaseGroup {
    const { name } = config;
    const ranHere = this.#ranHere.has(name);
    this.#ranHere.add(name);
    const { fence, leaseRefresh } = this.#opened(this.#fence);
    return openLeaseGroup(config, {
      setting: this.#setting,
      fence,
      leaseRefresh,
      state: this.#opened(this.#state),
      bootId: this.#bootId,
      standing,
      kept: this.#opened(this.#kept.get(name)),
      identity: this.#opened(this.#identities.get(name)),
      identityChanged: () => this.#identityChanged(),
      ranHere,
      // One that comes by a reload comes when somebody wants it.
      standNotBeforeUs: this.#started ? 0 : this.standNotBeforeUs,
      history: () => this.#history?.log,
      witness: () => this.#witness,
      leaseGroups: () => this.#leaseGroups,
      log: this.#log,
    });
  }

  #identityChanged(): void {
    this.#witness?.follow();
    setImmediate(() => this.#prepareGuardian());
  }

  #openWitness(): WitnessInUse {
    const health = new WitnessHealth(this.#operations().reportHealth, new RateLimitedLog(this.#log));
    return new WitnessInUse({
      rtnetlink: this.#opened(this.#rtnetlink),
      log: this.#log,
      setting: () => this.#setting,
      leaseGroups: () => this.#leaseGroups,
      openLink: (opening) =>
        openWitness({
          ...opening,
          node: this.#config.node,
          groups: () => this.#leaseGroups,
          tokenFile: () => this.#config.witness?.tokenFile ?? opening.config.tokenFile,
          state: this.#opened(this.#state),
          log: this.#log,
          report: () => this.#witnessReport(),
          onPassedOn: (from, datagram) => this.#sideband?.passedOn(from, datagram),
          onHealth: (report) => health.heard(report),
        }),
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
      decisions: this.#history?.log.entries ?? [],
    };
  }

  async #openApi(): Promise<void> {
    const api = await startApi({
      listen: this.#config.api.listen,
      runDir: this.#config.runDir,
      token: () => this.#secrets.apiToken,
      status: () => this.#status(),
      history: () => this.#history?.log.entries ?? [],
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
        witness: this.#witness?.link,
        fence: this.#fence?.fence,
        hopLimits: this.#hopLimits,
        reconciler: this.#reconciler,
        history: this.#history?.log,
      }),
    );
  }

  #status(): Status {
    return nodeStatus({
      config: this.#config,
      inForceSinceMs: this.#inForceSinceMs,
      lastReload: this.#lastReload,
      leaseGroups: this.#leaseGroups,
      vrrpGroups: this.#vrrpGroups,
      sideband: this.#sideband,
      witness: this.#witness?.link,
      wayProblem: this.#witness?.wayProblem,
      notifier: this.#notifier,
      floatingIps: this.#floatingIps,
      guardianPid: this.#guardian?.pid(),
    });
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

function refused(detail: string): Outcome {
  return { ok: false, reason: 'refused', detail };
}

function quarantines(groups: readonly LeaseGroup[]): string {
  const waits = groups.flatMap(({ name, state: { role } }) => {
    const remainingUs = role.name === 'initialize' ? role.untilUs - boottimeUs() : 0;
    return remainingUs > 0 ? [`${name} votes and stands after ${(remainingUs / 1_000_000).toFixed(1)} s`] : [];
  });
  return waits.map((text) => `; ${text}`).join('');
}

/** Before anything is written or cleared away: it is what that one goes by. */
async function refuseOtherAgent(runDir: string): Promise<void> {
  // A folder that cannot be used at all is the API's to tell of.
  const other = await otherAgent(runDir).catch(() => undefined);
  if (other !== undefined) throw new StartFailure(other);
}
