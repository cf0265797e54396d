import { type AgentShell, NO_TROUBLES } from './agent-shell.ts';
import { GOOD_LINK, type LinkQuality } from './network.ts';
import type { Random } from './random.ts';
import type { Place, World } from './world.ts';

type Fault = (world: World, random: Random) => void;

const SECOND_US = 1_000_000;
const OUTAGE_MAX_US = 12 * SECOND_US;
const FREEZE_MAX_US = 7 * SECOND_US;

function durationUs(world: World, random: Random, maxUs: number): number {
  const lengthUs = random.logBetween(world.intervalUs / 5, maxUs);
  world.troubledUntilUs = Math.max(world.troubledUntilUs, world.nowUs + lengthUs);
  return lengthUs;
}

function cutFor(world: World, random: Random, from: Place, to: Place): void {
  const direction = random.integer(3);
  const cuts: [Place, Place][] = [];
  if (direction !== 1) cuts.push([from, to]);
  if (direction !== 0) cuts.push([to, from]);
  for (const [left, right] of cuts) world.cut(left, right);
  world.schedule.after(durationUs(world, random, OUTAGE_MAX_US), () => {
    for (const [left, right] of cuts) world.mend(left, right);
  });
}

const cutPeers: Fault = (world, random) => {
  const from = random.pick(world.nodes);
  cutFor(world, random, from, random.pick(world.nodes.filter((node) => node !== from)));
};

/** The nodes fall into two parts that do not hear each other; each may reach the witness still. */
const partition: Fault = (world, random) => {
  const left = world.nodes.filter(() => random.chance(0.5));
  const right = world.nodes.filter((node) => !left.includes(node));
  for (const from of left) for (const to of right) world.cutBoth(from, to);
  world.schedule.after(durationUs(world, random, OUTAGE_MAX_US), () => {
    for (const from of left) for (const to of right) world.mendBoth(from, to);
  });
};

const cutWitness: Fault = (world, random) => cutFor(world, random, random.pick(world.nodes), 'w');

/** Hours at a provider, in short. */
const loseWitness: Fault = (world, random) => {
  for (const node of world.nodes) world.cutBoth(node, 'w');
  world.schedule.after(durationUs(world, random, 3 * OUTAGE_MAX_US), () => {
    for (const node of world.nodes) world.mendBoth(node, 'w');
  });
};

const isolate: Fault = (world, random) => {
  const node = random.pick(world.nodes);
  const others: Place[] = [...world.nodes.filter((other) => other !== node), 'w'];
  for (const other of others) world.cutBoth(node, other);
  world.schedule.after(durationUs(world, random, OUTAGE_MAX_US), () => {
    for (const other of others) world.mendBoth(node, other);
  });
};

const freeze: Fault = (world, random) => {
  world.agent(random.pick(world.nodes)).pause(durationUs(world, random, FREEZE_MAX_US));
};

/** As systemd does: a process that is still on its way out is waited for. */
function startOnceGone(world: World, agent: AgentShell): void {
  if (!agent.running) agent.start();
  else if (agent.stopping) {
    world.troubledUntilUs = Math.max(world.troubledUntilUs, world.nowUs + SECOND_US / 2);
    world.schedule.after(SECOND_US / 2, () => startOnceGone(world, agent));
  }
}

const crash: Fault = (world, random) => {
  const agent = world.agent(random.pick(world.nodes));
  agent.crash();
  world.schedule.after(durationUs(world, random, 5 * SECOND_US), () => startOnceGone(world, agent));
};

const reboot: Fault = (world, random) => {
  const agent = world.agent(random.pick(world.nodes));
  agent.reboot();
  world.schedule.after(durationUs(world, random, 15 * SECOND_US), () => startOnceGone(world, agent));
};

/** Without `RuntimeDirectoryPreserve=yes`, or by hand: `run_dir` is empty at the next start in the same boot. */
const crashWithoutRunDir: Fault = (world, random) => {
  const agent = world.agent(random.pick(world.nodes));
  agent.crash();
  agent.loseRunDir();
  world.schedule.after(durationUs(world, random, 5 * SECOND_US), () => startOnceGone(world, agent));
};

const stop: Fault = (world, random) => {
  const agent = world.agent(random.pick(world.nodes));
  world.note(() => `${agent.node} is asked to stop`);
  agent.stop();
  world.schedule.after(durationUs(world, random, 5 * SECOND_US), () => startOnceGone(world, agent));
};

const depart: Fault = (world, random) => {
  const agent = world.agent(random.pick(world.nodes));
  world.note(() => `${agent.node} is asked to depart`);
  agent.stop('depart');
  world.schedule.after(durationUs(world, random, 15 * SECOND_US), () => startOnceGone(world, agent));
};

const restartWitness: Fault = (world, random) => {
  const supersededForUs = random.chance(0.7) ? random.between(0, 15 * SECOND_US) : 0;
  world.witness.restart(supersededForUs, random.chance(0.5) ? 0 : Math.floor(random.between(-3000, 3000)));
};

const degrade: Fault = (world, random) => {
  const places: readonly Place[] = [...world.nodes, 'w'];
  const from = random.pick(places);
  const to = random.pick(places.filter((place) => place !== from));
  const delayMaxUs = random.logBetween(500, 2 * world.intervalUs);
  const quality: LinkQuality = {
    ...GOOD_LINK,
    loss: random.between(0, 0.6),
    duplicate: 0.1,
    delayMaxUs,
    late: random.between(0, 0.3),
    lateMaxUs: 6 * SECOND_US,
  };
  world.note(() => `the way from ${from} to ${to} gets bad`);
  world.network.degrade(from, to, quality);
  world.schedule.after(durationUs(world, random, OUTAGE_MAX_US), () => world.network.degrade(from, to));
};

/** Anybody on the wire can send these (L4). */
const spoof: Fault = (world, random) => {
  const count = 1 + random.integer(5);
  for (let sent = 0; sent < count; sent++) {
    const priority = random.pick([0, 0, 0, 1, 255]);
    world.schedule.after(sent * random.between(0, world.intervalUs), () => {
      world.agent(random.pick(world.nodes)).hearAdvertisement(priority);
    });
  }
};

/** The object's storage goes back to an earlier state: a restore, a deletion, a class migration (L14). */
const rollBackWitness: Fault = (world, random) => {
  world.rollBackWitness(random.chance(0.5));
};

const replay: Fault = (world) => world.replay();

export const SINGLE_FAULTS: readonly Fault[] = [
  cutPeers,
  cutWitness,
  loseWitness,
  isolate,
  freeze,
  crash,
  reboot,
  restartWitness,
  spoof,
];
export const WITNESS_FAULTS: readonly Fault[] = [cutWitness, loseWitness, restartWitness];

const ALL: readonly Fault[] = [
  cutPeers,
  cutPeers,
  partition,
  cutWitness,
  isolate,
  freeze,
  freeze,
  crash,
  crash,
  crashWithoutRunDir,
  reboot,
  stop,
  depart,
  depart,
  restartWitness,
  rollBackWitness,
  degrade,
  degrade,
  spoof,
  replay,
];

/** Faults of these kinds at random times until `untilUs`, one every `everyUs` on average, several at once if it comes so. */
export function sow(world: World, faults: readonly Fault[], everyUs: number, untilUs: number): void {
  const { random } = world;
  let atUs = world.nowUs + random.between(0, 2 * everyUs);
  while (atUs < untilUs) {
    world.schedule.at(atUs, () => random.pick(faults)(world, random));
    atUs += random.between(0, 2 * everyUs);
  }
}

/** Everything at once: the mix that the safety of the lease is judged by. */
export function sowChaos(world: World, untilUs: number): void {
  const { random, intervalUs } = world;
  const everyUs = random.logBetween(Math.max(4 * intervalUs, 300_000), 8 * SECOND_US);
  sow(world, ALL, everyUs, untilUs);
  world.setTroubles({
    pauseChance: random.pick([0, 0.0002, 0.002, 0.02]),
    pauseMaxUs: random.pick([50_000, SECOND_US, FREEZE_MAX_US]),
    fencePauseChance: random.pick([0, 0, 0.01, 0.1]),
    unconfirmedChance: random.pick([0, 0, 0.01]),
    closeFailureChance: random.pick([0, 0, 0.3, 1]),
  });
}

/** From here on nothing fails any more, but what is cut, frozen or gone stays so for its time. */
export function endFaults(world: World): void {
  world.note(() => 'no more faults');
  world.setTroubles(NO_TROUBLES);
  world.network.improve(GOOD_LINK);
}
