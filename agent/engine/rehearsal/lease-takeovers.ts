import type { FoundRegister, MemberConfig } from '@tiebreak/shared/lease';
import type { SessionKey } from '@tiebreak/shared/wire';
import type { LeaseGroupConfig } from '../../config/index.ts';
import type { Logger } from '../../log/index.ts';
import { OwnershipBoard } from '../../ownership/index.ts';
import { GroupStanding } from '../group-standing.ts';
import { LeaseGroup } from '../lease-group.ts';
import { LeaseRefresh } from '../lease-refresh.ts';
import { SidebandLink } from '../sideband-link.ts';
import type { VirtualRouter } from '../virtual-router.ts';
import { imaginaryFence } from './imaginary-fence.ts';
import { imaginaryRouter, imaginaryRouterConfig } from './imaginary-router.ts';
import { ImaginaryTime } from './imaginary-time.ts';
import type { RehearsedKernel } from './rehearsed-kernel.ts';

const INTERVAL_US = 250_000;
const BEAT_US = INTERVAL_US / 2;
const KEYS: readonly [SessionKey] = [{ id: 1, key: new Uint8Array(32) }];
const ROUTER = imaginaryRouterConfig(INTERVAL_US);
const LONG_UP: FoundRegister = { kind: 'new_boot', uptimeUs: 1e9 };
const GROUP: Omit<LeaseGroupConfig, 'peers'> = {
  id: 1,
  name: 'rehearsal',
  mode: 'lease',
  gateway: false,
  policy: { name: 'safe' },
  preempt: false,
  preemptDelayUs: 0,
  keyFile: '',
  sidebandPort: 0,
  intervalUs: INTERVAL_US,
  priority: 100,
  checks: [],
  notify: [],
  floatingIps: [],
  virtualRouters: [ROUTER],
};

/**
 * Two imaginary nodes hand a group to and fro: the engine's own loop, links, signatures and kernel calls, as on the way of
 * a takeover. V8 compiles what has run, so that the first real takeover after months of idling is not the slow one.
 * Returns how often the ownership moved.
 */
export function rehearseLeaseTakeovers(rounds: number, kernel: RehearsedKernel, log: Logger): number {
  const time = new ImaginaryTime();
  const left = new ImaginaryNode('left', 'right', time, kernel, log);
  const right = new ImaginaryNode('right', 'left', time, kernel, log);
  const deliver = (): void => {
    while (left.sent.length + right.sent.length > 0) {
      for (const datagram of left.sent.splice(0)) right.link.receive(datagram, 'rehearsal');
      for (const datagram of right.sent.splice(0)) left.link.receive(datagram, 'rehearsal');
    }
  };
  const pass = (intervals: number): void => {
    for (let beats = 0; beats < 2 * intervals; beats += 1) {
      time.pass(BEAT_US);
      deliver();
    }
  };
  left.start();
  right.start();
  pass(8);
  let moves = 0;
  for (let round = 0; round < rounds; round += 1) {
    const [owner, successor] = left.owns ? [left, right] : [right, left];
    owner.group.handOver(successor.node);
    deliver();
    if (successor.owns && !owner.owns) moves += 1;
    pass(2);
  }
  for (const node of [left, right]) node.end();
  return moves;
}

class ImaginaryNode {
  readonly node: string;
  readonly group: LeaseGroup;
  readonly link: SidebandLink;
  readonly sent: Uint8Array[] = [];
  readonly #router: VirtualRouter;

  constructor(node: string, peer: string, time: ImaginaryTime, kernel: RehearsedKernel, log: Logger) {
    const silent = log.child({}, { level: 'silent' });
    const peers = [{ node: peer, addresses: ['rehearsal'] }];
    this.node = node;
    const fence = imaginaryFence(time.nowUs, kernel);
    this.group = new LeaseGroup({
      config: { ...GROUP, peers },
      member: memberOf(node, peer),
      fence,
      leaseRefresh: new LeaseRefresh(fence, time),
      witness: undefined,
      log: silent,
      clock: time,
      skewUsOf: () => INTERVAL_US / 2,
      onHistory: () => {},
      standing: new GroupStanding({
        config: { ...GROUP, peers },
        node,
        board: new OwnershipBoard(GROUP.id),
        nowUs: time.nowUs,
        nextId: () => '',
        onChange: () => {},
      }),
      ballots: { foresee: () => {}, mayUse: () => true },
      register: { found: LONG_UP, record: () => true },
      kept: { found: {}, keep: () => {}, forget: () => {}, keepDeparted: () => {} },
      identity: { found: undefined, keep: () => {} },
      identityChanged: () => {},
      fenceReplaced: () => {},
    });
    this.link = new SidebandLink({
      node,
      peer,
      addresses: ['rehearsal'],
      groups: [this.group],
      keys: KEYS,
      nonce: new Uint8Array(8).fill(node.length),
      incarnation: 1,
      send: (datagram) => this.sent.push(datagram),
      clock: time,
      log: silent,
    });
    this.#router = imaginaryRouter({ config: ROUTER, clock: time, kernel, log: silent });
  }

  get owns(): boolean {
    return this.group.state.role.name === 'active';
  }

  start(): void {
    this.link.start();
    this.group.start([this.link], [this.#router]);
  }

  end(): void {
    this.link.stop();
    this.group.close();
  }
}

function memberOf(node: string, peer: string): MemberConfig {
  return {
    node,
    group: GROUP.name,
    peers: [peer],
    witness: false,
    policy: { name: 'safe' },
    intervalUs: INTERVAL_US,
    priority: GROUP.priority,
    skewUs: node === 'left' ? 0 : INTERVAL_US / 2,
    preemptDelayUs: undefined,
    standNotBeforeUs: 0,
    settings: '00000000',
    configHash: '0123456789abcdef',
    guardUs: 20_000,
    usedCounter: 0,
    seed: 1,
  };
}
