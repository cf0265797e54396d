import { setTimeout as sleep } from 'node:timers/promises';
import { linkCut } from '../../lab/faults.ts';
import { waitFor } from '../../lab/process.ts';
import { NETWORK, Topology } from '../../lab/topology.ts';
import { AdvertisementRecord } from '../advertisements.ts';
import type { Accounts, Party } from './account.ts';
import { type Cell, other, ownerAfterReturn, type PeerName, type Side } from './cells.ts';
import { frrParty } from './frr.ts';
import { keepalivedParty } from './keepalived.ts';
import { activeAddresses, type Owner, ownerOf } from './owners.ts';
import { ABOVE, OUR_HOST, type Pairing, pairingsOf, THEIR_HOST } from './pairing.ts';
import { tiebreakParty } from './tiebreak.ts';
import type { Step, Verdict } from './verdict.ts';
import { wireProblem } from './wire.ts';

/** A start on a machine that is busy, and the longest down time. */
const START_MS = 25_000;
const CHANGE_MS = 15_000;
/** Long enough for two advertisements. */
const WATCH_MS = 4_500;
const LOOK_EVERY_MS = 100;

/** Cells that can run beside each other. */
export type Batch = { readonly peer: PeerName; readonly stronger: Side; readonly cells: readonly Cell[] };

/**
 * By the stronger side, since a program is stopped with all its virtual routers; and by version, since FRR complains of
 * another one before it looks whose the advertisement is.
 */
export function batchesOf(cells: readonly Cell[]): Batch[] {
  const keyOf = ({ peer, stronger, version }: Cell): string => [peer, stronger, version].join(' ');
  return [...Map.groupBy(cells, keyOf).values()].flatMap((together) => {
    const [first] = together;
    return first === undefined ? [] : [{ peer: first.peer, stronger: first.stronger, cells: together }];
  });
}

/** Runs a batch on a LAN of its own: a program on each side, with a virtual router for each cell. */
export async function runBatch({ peer, stronger, cells }: Batch): Promise<Verdict[]> {
  const topology = await Topology.create({ ipv6: true });
  try {
    const { lanInterface, prefixLength } = NETWORK;
    await topology.ip(OUR_HOST, [
      `addr add ${ABOVE.lan}/${prefixLength} dev ${lanInterface}`,
      `addr add ${ABOVE.lan6}/64 dev ${lanInterface} nodad`,
      `addr add ${ABOVE.linkLocal}/64 dev ${lanInterface} nodad`,
    ]);
    await addressesUsable(topology);
    const pairings = pairingsOf(cells);
    const parties = {
      ours: tiebreakParty(topology, pairings),
      theirs: await peerParty(peer, topology, pairings),
    };
    const course = new Course(topology, pairings, parties);
    try {
      await course.run(stronger);
    } finally {
      await Promise.all([parties.ours.terminate(), parties.theirs.terminate()]);
    }
    return course.verdicts();
  } finally {
    topology.close();
  }
}

/** keepalived gives up what has no source yet: duplicate address detection takes its time. */
async function addressesUsable(topology: Topology): Promise<void> {
  for (const host of [OUR_HOST, THEIR_HOST] as const) {
    await waitFor(`host ${host} has its addresses`, CHANGE_MS, async () =>
      (await topology.inside(host, 'ip', ['-o', 'addr', 'show', 'tentative'])) === '' ? true : undefined,
    );
  }
}

export function peerParty(peer: PeerName, topology: Topology, pairings: readonly Pairing[]): Party | Promise<Party> {
  switch (peer) {
    case 'keepalived':
      return keepalivedParty(topology, pairings);
    case 'FRR':
      return frrParty(topology, pairings);
  }
}

/** What happens to all pairs of a batch at once, and what is seen of each. */
class Course {
  readonly #topology: Topology;
  readonly #pairings: readonly Pairing[];
  readonly #parties: Readonly<Record<Side, Party>>;
  readonly #wrong: ReadonlyMap<Pairing, Map<Step, string>>;

  constructor(topology: Topology, pairings: readonly Pairing[], parties: Readonly<Record<Side, Party>>) {
    this.#topology = topology;
    this.#pairings = pairings;
    this.#parties = parties;
    this.#wrong = new Map(pairings.map((pairing) => [pairing, new Map()]));
  }

  async run(stronger: Side): Promise<void> {
    const weaker = other(stronger);
    const record = await AdvertisementRecord.start(this.#topology, OUR_HOST);
    // Apart, both own: what decides when they hear each other is then the priority or the address, and nothing else.
    const link = linkCut(this.#topology);
    await link.inject();
    await Promise.all([this.#parties.ours.start(), this.#parties.theirs.start()]);
    await this.#becomes('apart', () => 'both', START_MS);
    await link.heal();
    await this.#becomes('together', () => stronger, CHANGE_MS);
    await this.#stays('together', 'heard', () => stronger);

    await this.#parties[stronger].terminate();
    await this.#becomes('stopped', () => weaker, CHANGE_MS);
    await this.#parties[stronger].start();
    await this.#hearsAgain(stronger, ownerAfterReturn);
    await this.#becomes('returned', ownerAfterReturn, START_MS);
    await this.#stays('returned', 'heard again', ownerAfterReturn);

    const sightings = await record.sightings('pseudo-header');
    const successors = await this.#parties[weaker].accounts();
    for (const pairing of this.#pairings) {
      const heardRelease = successors.get(pairing.virtualRouterId)?.heardRelease;
      this.#note(pairing, 'wire', wireProblem(pairing, sightings, heardRelease));
    }
    await record.stop();
  }

  verdicts(): Verdict[] {
    return this.#pairings.map((pairing) => {
      const { cell, virtualRouterId } = pairing;
      const { ours, theirs } = this.#parties;
      const logs = `--- tiebreak\n${ours.logOf(virtualRouterId)}\n--- ${cell.peer}\n${theirs.logOf(virtualRouterId)}`;
      return { cell, wrong: this.#wrong.get(pairing) ?? new Map(), logs };
    });
  }

  /** The first thing that was wrong in a step is the one that tells most. */
  #note(pairing: Pairing, step: Step, problem: string | undefined): void {
    const wrong = this.#wrong.get(pairing);
    if (problem !== undefined && wrong?.has(step) === false) wrong.set(step, problem);
  }

  /** Waits until every cell is as it should be. */
  async #becomes(step: Step, expected: (cell: Cell) => Owner, withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    let others = await this.#notAs(expected);
    while (others.size > 0 && performance.now() < deadline) {
      await sleep(LOOK_EVERY_MS);
      others = await this.#notAs(expected);
    }
    for (const [pairing, problem] of others) this.#note(pairing, step, problem);
  }

  /** Every cell is as it should be for a while, and whoever waits meanwhile hears the other and refuses nothing. */
  async #stays(step: Step, heard: Step, owner: (cell: Cell) => Side): Promise<void> {
    const before = await this.#accounts();
    for (const end = performance.now() + WATCH_MS; performance.now() < end; await sleep(LOOK_EVERY_MS)) {
      for (const [pairing, problem] of await this.#notAs(owner)) this.#note(pairing, step, problem);
    }
    const after = await this.#accounts();
    for (const pairing of this.#pairings) {
      const backup = other(owner(pairing.cell));
      const { virtualRouterId } = pairing;
      const [was, is] = [before[backup].get(virtualRouterId), after[backup].get(virtualRouterId)];
      const more = (is?.received ?? 0) - (was?.received ?? 0);
      if (more < 1) this.#note(pairing, heard, `${backup} heard no advertisement`);
      for (const side of ['ours', 'theirs'] as const) {
        const refused = after[side].get(virtualRouterId)?.refused ?? [];
        if (refused.length > 0) this.#note(pairing, heard, `${side} refused ${refused.join(', ')}`);
      }
    }
  }

  /** Waits until a program that has started hears what is advertised, so that 'it stays' is not said of one that is deaf yet. */
  async #hearsAgain(side: Side, owner: (cell: Cell) => Side): Promise<void> {
    const waiting = this.#pairings.filter(({ cell }) => owner(cell) !== side);
    const deadline = performance.now() + START_MS;
    for (;;) {
      const accounts = await this.#parties[side].accounts().catch((): Accounts => new Map());
      const deaf = waiting.filter(({ virtualRouterId }) => (accounts.get(virtualRouterId)?.received ?? 0) < 2);
      if (deaf.length === 0) return;
      if (performance.now() > deadline) {
        for (const pairing of deaf) this.#note(pairing, 'returned', `${side} is deaf after its return`);
        return;
      }
      await sleep(LOOK_EVERY_MS);
    }
  }

  async #accounts(): Promise<Readonly<Record<Side, Accounts>>> {
    const { ours, theirs } = this.#parties;
    const [our, their] = await Promise.all([ours.accounts(), theirs.accounts()]);
    return { ours: our, theirs: their };
  }

  async #notAs(expected: (cell: Cell) => Owner): Promise<Map<Pairing, string>> {
    const [ours, theirs] = await Promise.all([
      activeAddresses(this.#topology, OUR_HOST),
      activeAddresses(this.#topology, THEIR_HOST),
    ]);
    const found = new Map<Pairing, string>();
    for (const pairing of this.#pairings) {
      const is = ownerOf(pairing, ours, theirs);
      const should = expected(pairing.cell);
      if (is !== should) found.set(pairing, `${is} own${is === 'nobody' ? 's' : ''}, not ${should}`);
    }
    return found;
  }
}
