import {
  claimOf,
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberState,
  PROMISE_MAX_MS,
  startMember,
  stepMember,
} from '@tiebreak/shared/lease';
import { type SessionKey, type SidebandMessage, SidebandSession } from '@tiebreak/shared/wire';
import type { Fence } from '../kernel/fence/index.ts';
import type { AddressSpecification, Rtnetlink } from '../kernel/index.ts';
import { hmacSha256 } from './hmac.ts';

const INTERVAL_US = 250_000;
/** TEST-NET-1 on an interface that does not exist: the kernel refuses it. */
const NOWHERE: AddressSpecification = {
  family: 'ipv4',
  address: Uint8Array.of(192, 0, 2, 1),
  prefixLength: 32,
  label: undefined,
  interfaceIndex: 0x7fff_ffff,
};
const KEYS: readonly [SessionKey] = [{ id: 1, key: new Uint8Array(32) }];

/**
 * Two imaginary members hand a group to and fro in memory: the engine's own code on the takeover path. The fence opens for
 * nobody, and an address goes nowhere. V8 compiles what has run, so that the first real takeover after months of idling is not the slow one.
 * Returns how often the ownership moved.
 */
export function rehearseTakeovers(
  rounds: number,
  fence: Pick<Fence, 'rehearse'>,
  rtnetlink: Pick<Rtnetlink, 'addAddress' | 'removeAddress'>,
): number {
  let moves = 0;
  for (let round = 0; round < rounds; round += 1) {
    fence.rehearse();
    rtnetlink.addAddress(NOWHERE);
    rtnetlink.removeAddress(NOWHERE);
    const pair = new ImaginaryPair();
    pair.tickFor(2_000_000);
    const first = pair.owner();
    first?.run({ type: 'stop' });
    const second = pair.owner();
    if (first !== undefined && second !== undefined && first !== second) moves += 1;
  }
  return moves;
}

class ImaginaryPair {
  /** The quarantine is over. */
  nowUs = PROMISE_MAX_MS * 1000;
  readonly #left: ImaginaryMember = new ImaginaryMember(this, 'left', 'right');
  readonly #right: ImaginaryMember = new ImaginaryMember(this, 'right', 'left');

  other(member: ImaginaryMember): ImaginaryMember {
    return member === this.#left ? this.#right : this.#left;
  }

  owner(): ImaginaryMember | undefined {
    return [this.#left, this.#right].find((member) => member.state.role.name === 'active');
  }

  tickFor(lengthUs: number): void {
    const untilUs = this.nowUs + lengthUs;
    for (; this.nowUs < untilUs; this.nowUs += INTERVAL_US / 2) {
      for (const member of [this.#left, this.#right]) {
        member.run({ type: 'tick' });
        member.heartbeat();
      }
    }
  }
}

class ImaginaryMember {
  state: MemberState;
  readonly #pair: ImaginaryPair;
  readonly #node: string;
  readonly #session: SidebandSession;

  constructor(pair: ImaginaryPair, node: string, peer: string) {
    const config: MemberConfig = {
      node,
      group: 'rehearsal',
      peers: [peer],
      witness: true,
      policy: { name: 'safe' },
      intervalUs: INTERVAL_US,
      priority: 100,
      skewUs: node === 'left' ? 0 : INTERVAL_US / 2,
      preemptDelayUs: undefined,
      standNotBeforeUs: 0,
      settings: '00000000',
      configHash: '0123456789abcdef',
      guardUs: 20_000,
      usedCounter: 0,
      seed: 1,
    };
    this.#pair = pair;
    this.#node = node;
    this.state = startMember(config, 0);
    const nonce = new Uint8Array(8).fill(node.length);
    this.#session = new SidebandSession({ node, peer, keys: KEYS, hmac: hmacSha256, nonce, incarnation: 1 });
  }

  run(event: MemberEvent): void {
    const { state, effects } = stepMember(this.state, event, this.#pair.nowUs);
    this.state = state;
    for (const effect of effects) this.#perform(effect);
  }

  heartbeat(): void {
    this.#send({ kind: 'heartbeat', claims: [claimOf(this.state)] });
    this.run({ type: 'heartbeat-sent', to: this.#pair.other(this).#node, sentAtUs: this.#pair.nowUs });
  }

  #perform(effect: MemberEffect): void {
    const expiresAtUs = this.#pair.nowUs + INTERVAL_US;
    if (effect.type === 'open-fence') this.run({ type: 'fence-opened', expiresAtUs });
    else if (effect.type === 'refresh-fence') this.run({ type: 'fence-refreshed', expiresAtUs });
    else if (effect.type === 'close-fence') this.run({ type: 'fence-closed' });
    else if (effect.type === 'send-heartbeat') this.heartbeat();
    else if (effect.type === 'send-verdict') this.#send({ kind: 'ack', sequence: 0, verdicts: [effect.verdict] });
    else if (effect.type === 'send-transfer') {
      this.#send({ kind: 'transfer', group: 'rehearsal', ballot: effect.ballot, to: effect.to });
    } else if (effect.type === 'send-invite') {
      this.#send({ kind: 'invite', group: 'rehearsal', ballot: effect.ballot });
    }
  }

  #send(message: SidebandMessage): number {
    const { datagram, sequence } = this.#session.seal(message);
    this.#pair.other(this).#receive(datagram);
    return sequence;
  }

  #receive(datagram: Uint8Array): void {
    const opened = this.#session.open(datagram);
    const from = this.#pair.other(this).#node;
    if (!opened.ok) {
      if (opened.introduce !== undefined) {
        this.#pair.other(this).#receive(this.#session.seal({ kind: 'hello' }, opened.introduce).datagram);
      }
      return;
    }
    const { message } = opened;
    if (message.kind === 'heartbeat') for (const claim of message.claims) this.run({ type: 'claim', from, claim });
    else if (message.kind === 'transfer') this.run({ type: 'transfer', from, ballot: message.ballot, to: message.to });
    else if (message.kind === 'invite') this.run({ type: 'invite', from, ballot: message.ballot });
    else if (message.kind === 'ack') {
      for (const verdict of message.verdicts) {
        this.run({ type: 'verdict', from, sentAtUs: this.#pair.nowUs, verdict });
      }
    }
  }
}
