import type { Ballot, Claim, FoundRegister, Policy, RegisterRecord, Verdict } from '@tiebreak/shared/lease';
import type { LeaseGroupConfig } from '../../../agent/config/index.ts';
import type { Standing } from '../../../agent/engine/group-standing.ts';
import { type BallotRecord, LeaseGroup } from '../../../agent/engine/lease-group.ts';
import { LeaseRefresh } from '../../../agent/engine/lease-refresh.ts';
import type { VirtualRouter } from '../../../agent/engine/virtual-router.ts';
import type { Decision } from '../../../agent/history/index.ts';
import type { Fence, FenceAct, FenceClose } from '../../../agent/kernel/fence/index.ts';
import { recordedLog } from './recorded-log.ts';
import { ScriptedDisk } from './scripted-disk.ts';
import { KEY, SidebandEnd } from './sideband-pair.ts';
import type { VirtualTime } from './virtual-time.ts';

export const INTERVAL_US = 100_000;
/** How long an owner waits for the answer to its invitation. */
export const INVITATION_US = INTERVAL_US;
export const HASH = '00000000000000aa';
const SETTINGS = '000000bb';
const GUARD_US = 20_000;

export const ROUTER: LeaseGroupConfig['virtualRouters'][number] = {
  interface: 'eth0',
  virtualRouterId: 33,
  version: 3,
  family: 'ipv4',
  priority: 100,
  advertisementIntervalUs: INTERVAL_US,
  addresses: [
    { address: '192.0.2.100', prefixLength: 24, interface: 'eth0', label: null, scope: 'global', advertised: true },
  ],
  routes: [],
  sourceAddress: null,
  unicast: null,
  minTtl: 255,
  checksum: 'pseudo-header',
  accept: true,
  virtualMac: false,
  authPass: null,
  authHmac: null,
  announce: { repeatAfterUs: [], copies: 1, refreshUs: 0, refreshCopies: 1, spacingUs: 0 },
};

export const GROUP: LeaseGroupConfig = {
  id: 1,
  name: 'edge',
  mode: 'lease',
  gateway: false,
  policy: { name: 'safe' },
  preempt: false,
  preemptDelayUs: 0,
  keyFile: '/etc/tiebreak/edge.key',
  peers: [{ node: 'a', addresses: ['10.0.0.a'] }],
  sidebandPort: 3112,
  intervalUs: INTERVAL_US,
  priority: 100,
  checks: [],
  notify: [],
  floatingIps: [],
  virtualRouters: [ROUTER],
};

/** A kernel that does as the test says. */
export class ScriptedFence implements Fence {
  level: Fence['level'] = 'full';
  opening: 'confirm' | Extract<FenceAct, { confirmed: false }>['reason'] = 'confirm';
  refreshing: 'confirm' | Extract<FenceAct, { confirmed: false }>['reason'] = 'confirm';
  closing: FenceClose = { confirmed: true, by: 'packet' };
  openUntil: number | undefined;
  readonly #time: VirtualTime;
  readonly #history: string[];

  constructor(time: VirtualTime, history: string[]) {
    this.#time = time;
    this.#history = history;
  }

  open(_id: number, leaseEndUs: number): FenceAct {
    return this.#act('open', this.opening, leaseEndUs);
  }

  refresh(_id: number, leaseEndUs: number): FenceAct {
    return this.#act('refresh', this.refreshing, leaseEndUs);
  }

  refreshTogether(): ReadonlyMap<number, number> {
    return new Map();
  }

  close(): FenceClose {
    this.#history.push(this.closing.confirmed ? 'close' : 'close fails');
    if (this.closing.confirmed) this.openUntil = undefined;
    return this.closing;
  }

  openUntilUs(): number | undefined {
    return this.openUntil;
  }

  isIntact(): boolean {
    return true;
  }

  rehearse(): void {}

  recreate(): { ok: true } {
    return { ok: true };
  }

  addInterface(): { ok: true } {
    return { ok: true };
  }

  change(): { ok: true } {
    return { ok: true };
  }

  remove(): { ok: true } {
    return { ok: true };
  }

  #act(name: string, script: ScriptedFence['opening'], leaseEndUs: number): FenceAct {
    if (script !== 'confirm') {
      this.#history.push(`${name} refused`);
      return { confirmed: false, reason: script, text: `the kernel says ${script}` };
    }
    this.#history.push(name);
    this.openUntil = Math.min(this.#time.nowUs() + 1_500_000, leaseEndUs - GUARD_US);
    return { confirmed: true, expiresAtUs: this.openUntil };
  }
}

/** Node b's group with its real link, and everything that it does in the order in which it does it. */
export class ScriptedMember {
  readonly time: VirtualTime;
  readonly history: string[] = [];
  readonly fence: ScriptedFence;
  readonly group: LeaseGroup;
  readonly standings: (Standing | undefined)[] = [];
  /** What was told although it was so already. */
  readonly toldAgain: Standing[] = [];
  readonly lines: () => { level: number; msg: string }[];
  readonly replaced: number[][] = [];
  /** Whether state_dir can be written, and up to where it has been. */
  ballots: BallotRecord = { foresee: () => {}, mayUse: () => true };
  /** Whether run_dir can be written, and what was. */
  recordable = true;
  readonly records: RegisterRecord[] = [];
  readonly disk: ScriptedDisk;
  faults: string[] = [];
  readonly told: Decision[] = [];
  readonly end: SidebandEnd;

  constructor(
    time: VirtualTime,
    found: FoundRegister = { kind: 'nothing' },
    more: { policy?: Policy; disk?: ScriptedDisk } = {},
  ) {
    const { policy = { name: 'safe' }, disk = new ScriptedDisk() } = more;
    this.time = time;
    this.disk = disk;
    this.fence = new ScriptedFence(time, this.history);
    const { log, lines } = recordedLog();
    this.lines = lines;
    this.group = new LeaseGroup({
      config: { ...GROUP, policy },
      member: {
        node: 'b',
        group: 'edge',
        peers: ['a'],
        witness: true,
        policy,
        intervalUs: INTERVAL_US,
        priority: 100,
        skewUs: INTERVAL_US / 2,
        preemptDelayUs: undefined,
        standNotBeforeUs: 0,
        settings: SETTINGS,
        configHash: HASH,
        guardUs: GUARD_US,
        usedCounter: 0,
        seed: 1,
      },
      fence: this.fence,
      leaseRefresh: new LeaseRefresh(this.fence, time),
      witness: {
        vote: ({ counter }) => this.history.push(`ask witness ${counter}`),
        release: ({ counter }) => this.history.push(`release witness ${counter}`),
        reachable: () => true,
      },
      log,
      clock: time,
      skewUsOf: () => INTERVAL_US / 2,
      onHistory: (entry) => this.told.push(entry),
      standing: {
        note: (standing) => this.standings.push(standing),
        again: (standing) => this.toldAgain.push(standing),
      },
      ballots: {
        foresee: (counter) => this.ballots.foresee(counter),
        mayUse: (counter) => this.ballots.mayUse(counter),
      },
      register: {
        found,
        record: (record) => {
          if (!this.recordable) return false;
          this.records.push(record);
          return true;
        },
      },
      kept: disk.open(),
      identity: { found: undefined, keep: () => {} },
      identityChanged: () => {},
      fenceReplaced: (ids) => this.replaced.push([...ids]),
    });
    this.end = new SidebandEnd(time, 'b', 'a', [this.group], { keys: [KEY] });
    this.end.sending = () => this.#noteSent();
    this.group.start([this.end.link], [this.router()]);
  }

  get role(): string {
    return this.group.state.role.name;
  }

  get ballot(): Ballot {
    const { role } = this.group.state;
    return 'ballot' in role ? role.ballot : { counter: 0, node: '' };
  }

  /** What has been done since the last question. */
  done(): string[] {
    return this.history.splice(0);
  }

  hear(kind: Claim['kind'], counter: number, more: Partial<Claim> = {}): Verdict | undefined {
    const ballot = { counter, node: 'a' };
    return this.group.judge('a', {
      group: 'edge',
      kind,
      ballot,
      configHash: HASH,
      promiseMs: 250,
      priority: 200,
      settings: SETTINGS,
      ...more,
    });
  }

  /** A heartbeat leaves, and a grants it. */
  acked(): void {
    const sentAtUs = this.time.nowUs();
    this.end.link.heartbeatNow();
    this.group.verdict('a', sentAtUs, { kind: 'granted', group: 'edge', ballot: this.ballot, promiseMs: 250 });
  }

  /** Waits out the quarantine and becomes the owner by a's vote. */
  own(): void {
    this.time.pass(10_000_000 + 3.5 * INTERVAL_US);
    this.acked();
    if (this.role !== 'active') throw new Error(`b is ${this.role}, not active`);
    this.done();
  }

  /** The fifth byte of a datagram is its kind. */
  #noteSent(): void {
    const kind = this.end.take()[0]?.datagram[4];
    if (kind === 3) this.history.push('send release');
    if (kind === 4) this.history.push('send transfer');
    if (kind === 5) this.history.push('send depart');
    if (kind === 6) this.history.push('send departed');
    if (kind === 7) this.history.push('send join');
    if (kind === 8) this.history.push('send invite');
  }

  router(): VirtualRouter {
    return {
      config: ROUTER,
      primaryAddress: Uint8Array.of(192, 0, 2, 2),
      advertise: (priority) => this.history.push(`advertise ${priority}`),
      addAddresses: () => this.history.push('add addresses'),
      removeAddresses: () => {
        this.history.push('remove addresses');
        return true;
      },
      announce: () => this.history.push('announce'),
      faults: () => this.faults,
      close: async () => {},
    };
  }
}
