import type { WitnessName } from './group-identity.ts';
import type { SidebandBody, SidebandDatagram } from './messages.ts';
import type { Network } from './network.ts';
import type { Schedule } from './schedule.ts';

/** As agent/engine/sideband-link.ts has it: of each kind one, so that the witness's patience is not used up. */
const RELAY_INTERVAL_US = 5_000_000;
const RELAY: WitnessName = 'w';

/** The witness passes on what no later message says again, while the way between two agents is known to be cut. */
export class Relay {
  readonly #network: Network;
  readonly #schedule: Schedule;
  readonly #passedAtUs = new Map<string, number>();

  constructor(network: Network, schedule: Schedule) {
    this.#network = network;
    this.#schedule = schedule;
  }

  passOn(to: string, { from, body: { kind } }: SidebandDatagram, deliver: () => void): void {
    if (!isSaidOnce(kind) || !this.#network.isCut(from, to)) return;
    const what = `${kind} ${from} ${to}`;
    const { nowUs } = this.#schedule;
    if (nowUs - (this.#passedAtUs.get(what) ?? Number.NEGATIVE_INFINITY) < RELAY_INTERVAL_US) return;
    this.#passedAtUs.set(what, nowUs);
    this.#network.send(from, RELAY, () => this.#network.send(RELAY, to, deliver));
  }
}

function isSaidOnce(kind: SidebandBody['kind']): boolean {
  switch (kind) {
    case 'release':
    case 'transfer':
    case 'depart':
    case 'departed':
    case 'join':
      return true;
    case 'heartbeat':
    case 'ack':
    case 'invite':
      return false;
  }
}
