import { randomBytes } from 'node:crypto';
import { isLinkLocal, skewTimeUs } from '@tiebreak/shared/vrrp';
import { type GroupStatus, type Health, type Operations, type Status, startApi } from '../api/index.ts';
import type { Checker } from '../checks/index.ts';
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
import type { FenceOptions } from '../kernel/fence/index.ts';
import { boottimeUs, kernelTickUs, type Link, openRtnetlink, type Rtnetlink } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import { type Exposition, expose, ProcessWatch } from '../metrics/index.ts';
import { Notifier, receiversOf } from '../notify/index.ts';
import { OwnershipBoard } from '../ownership/index.ts';
import { type ServiceManager, statusInWords } from '../service-manager/index.ts';
import { readBootId } from '../state/boot-id.ts';
import { type KeptPromises, openKeptPromises } from '../state/kept-promises.ts';
import { type MaintenanceFile, openMaintenanceFile } from '../state/maintenance-file.ts';
import { openRegisterFile, type RegisterFile } from '../state/register-file.ts';
import { openStateFile, type StateFile } from '../state/state-file.ts';
import { agentVersion } from '../version.ts';
import type { Report, WitnessLink } from '../witness-link/index.ts';
import { bytesOf } from './address-bytes.ts';
import { openChecker, refuseUnsafePrograms } from './checks.ts';
import { SYSTEM_CLOCK } from './clock.ts';
import { GroupStanding, plainDecision } from './group-standing.ts';
import { handoverOf } from './handover.ts';
import { LeaseGroup } from './lease-group.ts';
import { metricsReading } from './metrics-reading.ts';
import { clearLeftOverRoutes, clearLeftOvers, type OpenedFence, openFence } from './open-fence.ts';
import { openWitness } from './open-witness.ts';
import { operationsOn } from './operations.ts';
import { claimProcessor } from './processor.ts';
import { type Loop, lateLoop, stuckAfterUs } from './progress.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import { Reconciler } from './reconciler.ts';
import { rehearseTakeovers } from './rehearsal.ts';
import { openSideband, type Sideband } from './sideband.ts';
import { SignsOfLife } from './signs-of-life.ts';
import { StartFailure, valueOrFail } from './start-failure.ts';
import { leaseGroupStatus, type OwnStatus, vrrpGroupStatus } from './status.ts';
import { VirtualMacs } from './virtual-mac.ts';
import { type HeardAdvertisement, openVirtualRouter, type ReconciledRouter } from './virtual-router.ts';
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
/** Beyond the patience: what leaves the kernel, and the local API. */
const CLOSE_PATIENCE_MS = 2_000;

/** Also in the log, at the moment when it happens. */
const GUARDIAN_GONE =
  'the guardian has died, so that a crash would cost a master-down time: restart the agent when a handover is convenient';

export type AgentOptions = {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly log: Logger;
  /** Who looks after what this process leaves behind should it die; undefined: nobody. */
  readonly guardian?: Guardian | undefined;
  /** Who started the service, if it wants to know how it fares. */
  readonly serviceManager?: ServiceManager | undefined;
  /** How often an engine has crashed lately, this one's predecessor included. */
  readonly recentCrashes?: number;
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
  readonly #config: Config;
  readonly #secrets: Secrets;
  readonly #log: Logger;
  readonly #leaseGroups: LeaseGroup[] = [];
  readonly #vrrpGroups: VrrpGroup[] = [];
  readonly #routers: ReconciledRouter[] = [];
  #sideband: Sideband | undefined;
  #witness: WitnessLink | undefined;
  #routes: WitnessRoutes | undefined;
  readonly #guardian: Guardian | undefined;
  #fence: OpenedFence | undefined;
  #installed: { readonly secret: Uint8Array; readonly options: FenceOptions } | undefined;
  #state: StateFile | undefined;
  readonly #kept: KeptPromises[] = [];
  #rtnetlink: Rtnetlink | undefined;
  #reconciler: Reconciler | undefined;
  #virtualMacs: VirtualMacs | undefined;
  #started = false;
  readonly #bootId = readBootId();
  #history: HistoryLog | undefined;
  #flushHistory: () => Promise<void> = async () => {};
  #maintenance: MaintenanceFile | undefined;
  #checker: Checker | undefined;
  readonly #ownership: OwnershipBoard;
  #notifier: Notifier | undefined;
  #floatingIps: FloatingIps | undefined;
  #changes = 0;
  readonly #signsOfLife: SignsOfLife;
  readonly #processWatch = new ProcessWatch();
  readonly #recentCrashes: number;
  /** CLOCK_BOOTTIME: after a crash loop no group stands of its own accord before. */
  readonly standNotBeforeUs: number;
  #closeApi: () => Promise<void> = async () => {};

  constructor({ config, secrets, log, guardian, serviceManager, recentCrashes = 0 }: AgentOptions) {
    this.#guardian = guardian;
    this.#config = config;
    this.#secrets = secrets;
    this.#log = log;
    this.#ownership = new OwnershipBoard(config.groups.length);
    this.#recentCrashes = recentCrashes;
    this.standNotBeforeUs = boottimeUs() + holdOffMs(recentCrashes) * 1000;
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
    this.#virtualMacs = new VirtualMacs(this.#rtnetlink, this.#log);
    this.#virtualMacs.clearLeftOvers(this.#fence);
    if (this.#fence !== undefined) clearLeftOverRoutes(this.#rtnetlink, this.#log);
    clearLeftOvers(groups, found, this.#rtnetlink, this.#log);
    this.#virtualMacs.make(groups, this.#fence);
    const links = valueOrFail(this.#rtnetlink.links(), 'reading the interfaces');
    for (const group of groups) this.#addGroup(group, links, this.#rtnetlink, state);
    this.#sideband = await openSideband({
      node,
      groups: this.#leaseGroups,
      secrets: this.#secrets,
      incarnation: state.incarnation,
      log: this.#log,
      onMet: () => this.#prepareGuardian(),
      relay: (to, datagram) => this.#witness?.relay(to, datagram),
    });
    this.#openWitness(state, this.#rtnetlink);
    await this.#openApi();

    // Before anyone counts on this node's answers.
    if (leases.length > 0 && this.#fence !== undefined) {
      rehearseTakeovers(REHEARSALS, { fence: this.#fence.fence, rtnetlink: this.#rtnetlink }, this.#log);
    }
    claimProcessor(this.#log);
    this.#started = true;
    this.#prepareGuardian();
    this.#startFollowers();
    for (const link of this.#sideband.links) link.start();
    for (const group of this.#leaseGroups) {
      const own = this.#routers.filter((router) => group.config.virtualRouters.includes(router.config));
      group.fitness.setMaintenance(this.#maintenance.on);
      group.start(this.#sideband.linksOf(group), own);
    }
    for (const group of this.#vrrpGroups) {
      group.setMaintenance(this.#maintenance.on);
      group.start();
    }
    this.#checker = openChecker([...this.#leaseGroups, ...this.#vrrpGroups], this.#log);
    this.#checker.start();
    this.#reconciler = this.#startReconciler(this.#rtnetlink, links);
    this.#signsOfLife.start();
    this.#log.info(
      { node, version: agentVersion(), incarnation: state.incarnation, fence: this.#fence?.fence.level },
      `node ${node} runs ${groups.map(({ name }) => name).join(', ')}${quarantines(this.#leaseGroups)}`,
    );
  }

  /** Hands over whatever is owned here, and leaves its votes to the survivors (L17); does not wait for them for ever. */
  async leave(): Promise<void> {
    this.#signsOfLife.stopping(STOP_PATIENCE_MS + CLOSE_PATIENCE_MS);
    for (const group of this.#vrrpGroups) group.stop();
    const left = Promise.all(this.#leaseGroups.map((group) => group.stop()));
    let patience: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      patience = setTimeout(resolve, STOP_PATIENCE_MS);
    });
    await Promise.race([left, tooLong]);
    clearTimeout(patience);
  }

  /** Leaves nothing behind in the kernel, and does that first: what comes after it may take time. */
  async close(): Promise<void> {
    this.#reconciler?.close();
    for (const group of this.#leaseGroups) group.close();
    for (const link of this.#sideband?.links ?? []) link.stop();
    const gone = this.#routers.map((router) => router.removeAddresses()).every(Boolean);
    this.#witness?.close();
    for (const router of this.#routers) await router.close();
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
    for (const kept of this.#kept) await kept.close();
    // Side by side: each may use up its patience, and the service manager has its own.
    await Promise.all([this.#checker?.close(), this.#notifier?.close(), this.#floatingIps?.close()]);
    await this.#closeApi();
    this.#signsOfLife.end();
    this.#processWatch.close();
    await this.#flushHistory();
  }

  /** Before the start has succeeded there is nothing to look after: a start that fails cleans up by itself. */
  #prepareGuardian(): void {
    const sideband = this.#sideband;
    const incarnation = this.#state?.incarnation;
    if (!this.#started || incarnation === undefined || sideband === undefined) return;
    this.#guardian?.prepare(
      handoverOf({
        config: this.#config,
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

  #addGroup(config: GroupConfig, links: readonly Link[], rtnetlink: Rtnetlink, state: StateFile): void {
    // A virtual router hears from the moment it is open; its group is there before the next turn of the event loop.
    let hear: Hearing = () => {};
    const routers = config.virtualRouters.map((router) => {
      const opened = openVirtualRouter({
        config: router,
        links,
        rtnetlink,
        log: this.#log,
        secrets: this.#secrets,
        onAdvertisement: (heard) => hear(router, heard),
      });
      if (!opened.ok) throw new StartFailure(`group ${config.name}: ${opened.error}`);
      this.#routers.push(opened.router);
      return opened.router;
    });
    if (config.mode === 'vrrp') {
      const guards = this.#fence?.guards ?? new Map();
      const group = new VrrpGroup({ config, ios: routers, guards, standing: this.#standing(config), log: this.#log });
      this.#vrrpGroups.push(group);
      hear = (router, heard) => group.hear(router, heard);
      const text = `${config.name}: mode = "vrrp" is unprotected: a cut link makes two owners`;
      this.#log.warn({ group: config.name }, text);
      return;
    }
    const group = this.#leaseGroup(config, state);
    this.#leaseGroups.push(group);
    hear = hearingPeersOnly(group, routers, this.#log);
  }

  #standing(config: GroupConfig): GroupStanding {
    const { node } = this.#config;
    return new GroupStanding({
      config,
      node,
      board: this.#ownership,
      nextId: () => {
        this.#changes += 1;
        return `${node}-${config.name}-${this.#state?.incarnation}-${this.#changes}`;
      },
      onChange: (change) => {
        // In mode "lease" the group itself tells the history, with the votes.
        if (config.mode === 'vrrp') this.#history?.add(plainDecision(change));
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

  #startReconciler(rtnetlink: Rtnetlink, links: readonly Link[]): Reconciler {
    const reconciler = new Reconciler({
      rtnetlink,
      links,
      routers: this.#routers,
      fence: this.#fence?.fence,
      nextActUs: () => Math.min(...this.#leaseGroups.map((group) => group.nextDeadlineUs), Number.POSITIVE_INFINITY),
      nowUs: boottimeUs,
      onCarrier: ({ config }, up) => {
        const groups = [...this.#leaseGroups, ...this.#vrrpGroups];
        const group = groups.find((candidate) => candidate.config.virtualRouters.includes(config));
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

  #leaseGroup(config: LeaseGroupConfig, state: StateFile): LeaseGroup {
    const fence = this.#fence?.fence;
    const [first] = config.virtualRouters;
    if (fence === undefined || first === undefined) throw new Error('a lease group has a fence and a virtual router');
    const { node } = this.#config;
    const witness = this.#witnessIdentity();
    return new LeaseGroup({
      config,
      fence,
      log: this.#log,
      clock: SYSTEM_CLOCK,
      skewUsOf: (priority) => skewTimeUs(first.version, priority, config.intervalUs),
      onHistory: (decision) => {
        this.#history?.add(decision);
        this.#witness?.reportSoon();
      },
      standing: this.#standing(config),
      member: {
        node,
        group: config.name,
        peers: config.peers.map((peer) => peer.node),
        witness: witness !== null,
        policy: config.policy,
        intervalUs: config.intervalUs,
        priority: config.priority,
        skewUs: skewTimeUs(first.version, config.priority, config.intervalUs),
        preemptDelayUs: config.preempt ? config.preemptDelayUs : undefined,
        standNotBeforeUs: this.standNotBeforeUs,
        settings: settingsDigest(config),
        configHash: configHash(config, { node, witness, protocol: LEASE_PROTOCOL }),
        guardUs: GUARD_TICKS * kernelTickUs(),
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
        for (const group of this.#leaseGroups) if (alsoClosed.includes(group.config.id)) group.fenceGone();
      },
    });
  }

  /** The fence is up by now: no earlier run writes there any more. */
  #openRegister(group: string, { incarnation, previous }: StateFile): RegisterFile {
    const complaints = new RateLimitedLog(this.#log);
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
    this.#kept.push(opened.kept);
    return opened.kept;
  }

  #witnessIdentity(): { cluster: string; witnessId: string } | null {
    const cluster = this.#config.witness?.cluster;
    const witnessId = this.#secrets.witness?.witnessId;
    return cluster === undefined || witnessId === undefined ? null : { cluster, witnessId };
  }

  #openWitness(state: StateFile, rtnetlink: Rtnetlink): void {
    const { witness: config, node } = this.#config;
    const { witness: credential } = this.#secrets;
    if (config === null || credential === null || this.#leaseGroups.length === 0) return;
    const groups = this.#leaseGroups;
    this.#routes = new WitnessRoutes({ rtnetlink, groups: groups.map((group) => group.config), log: this.#log });
    const health = new WitnessHealth(this.#operations().reportHealth, new RateLimitedLog(this.#log));
    this.#witness = openWitness({
      node,
      config,
      credential,
      groups,
      state,
      log: this.#log,
      routes: this.#routes,
      report: () => this.#witnessReport(),
      onPassedOn: (from, datagram) => this.#sideband?.passedOn(from, datagram),
      onHealth: (report) => health.heard(report),
    });
  }

  #operations(): Operations {
    return operationsOn(this.#leaseGroups, this.#vrrpGroups, this.#maintenance);
  }

  #witnessReport(): Report {
    return {
      peers: peerReports(this.#sideband?.links ?? [], this.#leaseGroups, boottimeUs()),
      groups: this.#status()
        .groups.filter(({ mode }) => mode === 'lease')
        .map(groupReport),
      decisions: this.#history?.entries ?? [],
    };
  }

  async #openApi(): Promise<void> {
    const api = await startApi({
      listen: this.#config.api.listen,
      runDir: this.#config.runDir,
      token: this.#secrets.apiToken,
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
      groups: this.#ownStatus().map((own) => {
        const floatingIps = this.#floatingIps?.statusOf(own.name) ?? [];
        const group = { ...own, notify: this.#notifyStatus(own.name), floating_ips: floatingIps };
        return this.#guardianGone() ? withReason(group, GUARDIAN_GONE) : group;
      }),
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
      return plain === undefined ? [] : [vrrpGroupStatus(plain, this.#config.node, boottimeUs())];
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

type Hearing = (router: VirtualRouterConfig, heard: HeardAdvertisement) => void;

/** In lease mode only a configured peer's advertisements start timers; a stranger's raises an alarm (DESIGN section 5). */
function hearingPeersOnly(group: LeaseGroup, routers: readonly ReconciledRouter[], log: Logger): Hearing {
  const complaints = new RateLimitedLog(log);
  const addresses = group.config.peers.flatMap((peer) => peer.addresses);
  const peers = new Set(addresses.map((address) => bytesOf(address).join('.')));
  return (config, heard) => {
    const source = heard.source.join('.');
    if (peers.has(source)) {
      group.advertised(heard);
      return;
    }
    // Multicast over IPv6 speaks from a link-local address (RFC 9568 section 5.1.2.1), and peers are configured by others:
    // it starts no timer, which heartbeats do (L4), and it alarms an owner only, who should hear nobody.
    if (heard.source.length === 16 && isLinkLocal(heard.source) && group.state.role.name !== 'active') return;
    routers.find((router) => router.config === config)?.traffic.discard('stranger');
    const text = `${group.name}: ${source} advertises our virtual router ${config.virtualRouterId} and is no configured peer. It changes nothing here, but two owners may be on the wire; if it is a peer by another address, add that to its addresses in peers`;
    complaints.warn('stranger', { group: group.name, source, virtual_router_id: config.virtualRouterId }, text);
  };
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
