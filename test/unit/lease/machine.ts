import {
  type Ballot,
  type Claim,
  claimOf,
  type FoundAtStart,
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberState,
  nextDeadlineUs,
  startMember,
  stepMember,
} from '@tiebreak/shared/lease';

export const INTERVAL_US = 1_000_000;
export const PROMISE_US = 2.5 * INTERVAL_US;
export const GUARD_US = 20_000;
/** How long an owner waits for the answer to its invitation. */
export const INVITATION_US = 250_000;
export const HASH = '00000000000000aa';
const SAID = { configHash: HASH, promiseMs: PROMISE_US / 1000, priority: 200, settings: '000000bb' };

export const CONFIG: MemberConfig = {
  node: 'b',
  group: 'edge',
  peers: ['a'],
  witness: true,
  policy: { name: 'safe' },
  intervalUs: INTERVAL_US,
  priority: 128,
  skewUs: 0.5 * INTERVAL_US,
  preemptDelayUs: undefined,
  standNotBeforeUs: 0,
  settings: '000000bb',
  configHash: HASH,
  guardUs: GUARD_US,
  usedCounter: 0,
  seed: 1,
};

type Of<Type extends MemberEffect['type']> = Extract<MemberEffect, { type: Type }>;

/** The pure machine of node b and a clock that a test moves by hand; fence acts succeed unless a test says otherwise. */
export class Machine {
  nowUs = 0;
  state: MemberState;
  /** what the kernel answers: an end of the fence, or a refusal */
  fence: { open: 'confirm' | 'refuse' | 'lease_too_short'; close: 'confirm' | 'fail' } = {
    open: 'confirm',
    close: 'confirm',
  };
  /** The kernel lets refreshes wait until `refresh`. */
  refreshesLater = false;
  effects: MemberEffect[] = [];
  #refreshDue: Of<'refresh-fence'> | undefined;

  constructor(config: Partial<MemberConfig> = {}, found?: FoundAtStart) {
    this.state = startMember({ ...CONFIG, ...config }, this.nowUs, found);
  }

  get role(): MemberState['role']['name'] {
    return this.state.role.name;
  }

  get ballot(): Ballot | undefined {
    return 'ballot' in this.state.role ? this.state.role.ballot : undefined;
  }

  /** Every effect of this type since `forget`. */
  told<Type extends MemberEffect['type']>(type: Type): Of<Type>[] {
    return this.effects.filter((effect): effect is Of<Type> => effect.type === type);
  }

  forget(): void {
    this.effects = [];
  }

  step(event: MemberEvent): void {
    const { state, effects } = stepMember(this.state, event, this.nowUs);
    this.state = state;
    for (const effect of effects) {
      this.effects.push(effect);
      const outcome = this.#outcome(effect);
      if (outcome !== undefined) this.step(outcome);
    }
  }

  /** Lets time pass, with a tick whenever the machine wants one. */
  pass(durationUs: number): void {
    const untilUs = this.nowUs + durationUs;
    for (let ticks = 0; nextDeadlineUs(this.state) <= untilUs; ticks++) {
      if (ticks > 10_000) throw new Error('the machine is due for ever');
      this.nowUs = Math.max(this.nowUs, nextDeadlineUs(this.state));
      this.step({ type: 'tick' });
    }
    this.nowUs = untilUs;
  }

  /** What waited is done. */
  refresh(): void {
    const due = this.#refreshDue;
    this.#refreshDue = undefined;
    const outcome = due === undefined ? undefined : this.#extended(due);
    if (outcome !== undefined) this.step(outcome);
  }

  claim(): Claim {
    return claimOf(this.state);
  }

  hear(kind: Claim['kind'], ballot: Ballot, more: Partial<Claim> = {}): void {
    const claim = { group: 'edge', kind, ballot, ...SAID, ...more };
    this.step({ type: 'claim', from: 'a', claim });
  }

  /** A heartbeat leaves, and its ack comes back `roundTripUs` later. */
  acked(promiseMs = PROMISE_US / 1000, roundTripUs = 1000): void {
    const sentAtUs = this.nowUs;
    this.step({ type: 'heartbeat-sent', to: 'a', sentAtUs });
    this.pass(roundTripUs);
    const ballot = this.ballot ?? { counter: 0, node: '' };
    this.step({ type: 'verdict', from: 'a', sentAtUs, verdict: { kind: 'granted', group: 'edge', ballot, promiseMs } });
  }

  witnessGrants(ballot: Ballot, sentAtUs = this.nowUs): void {
    this.step({ type: 'witness-granted', ballot, promiseMs: 5000, sentAtUs });
  }

  witnessRefuses(reason: string, highest: Ballot, remainingMs = 0): void {
    this.step({ type: 'witness-refused', reason, remainingMs, highest, holder: undefined });
  }

  #outcome(effect: MemberEffect): MemberEvent | undefined {
    switch (effect.type) {
      case 'open-fence':
        return this.#extended(effect);
      case 'refresh-fence':
        if (!this.refreshesLater) return this.#extended(effect);
        this.#refreshDue = effect;
        return undefined;
      case 'close-fence':
        this.#refreshDue = undefined;
        return { type: this.fence.close === 'confirm' ? 'fence-closed' : 'fence-close-failed' };
      default:
        return undefined;
    }
  }

  #extended(effect: Of<'open-fence' | 'refresh-fence'>): MemberEvent {
    if (this.fence.open === 'lease_too_short') return { type: 'fence-refused', reason: 'lease_too_short' };
    if (this.fence.open === 'refuse') return { type: 'fence-refused', reason: 'not_confirmed' };
    const expiresAtUs = Math.min(this.nowUs + 1_500_000, effect.leaseEndUs - GUARD_US);
    if (effect.type === 'open-fence') return { type: 'fence-opened', expiresAtUs };
    return { type: 'fence-refreshed', expiresAtUs, restsOnWitness: effect.restsOnWitness };
  }
}

/** Past its quarantine, and has just heard a's heartbeat as owner under `ballot`. */
export function backup(ballot: Ballot = { counter: 5, node: 'a' }): Machine {
  const machine = new Machine();
  machine.pass(10_000_000);
  machine.hear('owns', ballot);
  machine.forget();
  return machine;
}

/** Owns on a's vote alone. */
export function owner(): Machine {
  const machine = new Machine();
  machine.pass(10_000_000 + 3.5 * INTERVAL_US);
  machine.acked();
  machine.witnessRefuses('bound', { counter: 0, node: '' }, 1);
  machine.acked();
  machine.forget();
  return machine;
}
