/** Everything that can go wrong once: each fault draws its parameters when the seed's plan is made. */
import type { AgentShell } from '../../agent/simulation/agent-shell.ts';
import type { GroupIdentity, WitnessName } from '../../agent/simulation/group-identity.ts';
import { GOOD_LINK, type LinkQuality } from '../../agent/simulation/network.ts';
import type { Random } from '../../agent/simulation/random.ts';
import type { NodeName, Place, World } from '../../agent/simulation/world.ts';
import { type DrawFault, type Drawn, lasting, type Scene } from './fault.ts';

const SECOND_US = 1_000_000;
const OUTAGE_MAX_US = 12 * SECOND_US;
const FREEZE_MAX_US = 7 * SECOND_US;
const CHANGE_MAX_US = 5 * SECOND_US;

type Cut = readonly [from: Place, to: Place];

function drawUs(random: Random, { intervalUs }: Scene, maxUs: number): number {
  return random.logBetween(intervalUs / 5, maxUs);
}

function cut(cuts: readonly Cut[], lastsUs: number): Drawn {
  return {
    text: `cut ${cuts.map(([from, to]) => `${from}>${to}`).join(' ')} ${lasting(lastsUs)}`,
    lastsUs,
    begin: (world) => {
      for (const [from, to] of cuts) world.cut(from, to);
    },
    end: (world) => {
      for (const [from, to] of cuts) world.mend(from, to);
    },
  };
}

function bothWays(pairs: readonly Cut[]): Cut[] {
  return pairs.flatMap(([left, right]): Cut[] => [
    [left, right],
    [right, left],
  ]);
}

function someWays(random: Random, from: Place, to: Place): Cut[] {
  const direction = random.integer(3);
  return bothWays([[from, to]]).filter((_, index) => direction === 2 || direction === index);
}

export const cutPeers: DrawFault = (random, scene) => {
  const from = random.pick(scene.nodes);
  const to = random.pick(scene.nodes.filter((node) => node !== from));
  return cut(someWays(random, from, to), drawUs(random, scene, OUTAGE_MAX_US));
};

/** One of those that there are. */
function witnessOf(random: Random, { witnesses: [only, ...others] }: Scene): WitnessName {
  return others.length === 0 ? only : random.pick([only, ...others]);
}

/** The nodes fall into two parts that do not hear each other; each may reach the witness still. */
export const partition: DrawFault = (random, scene) => {
  const left = scene.nodes.filter(() => random.chance(0.5));
  const right = scene.nodes.filter((node) => !left.includes(node));
  const pairs = left.flatMap((from) => right.map((to): Cut => [from, to]));
  return cut(bothWays(pairs), drawUs(random, scene, OUTAGE_MAX_US));
};

export const cutWitness: DrawFault = (random, scene) =>
  cut(someWays(random, random.pick(scene.nodes), witnessOf(random, scene)), drawUs(random, scene, OUTAGE_MAX_US));

/** Hours at a provider, in short. */
export const loseWitness: DrawFault = (random, scene) => {
  const witness = witnessOf(random, scene);
  return cut(bothWays(scene.nodes.map((node): Cut => [node, witness])), drawUs(random, scene, 3 * OUTAGE_MAX_US));
};

export const isolate: DrawFault = (random, scene) => {
  const node = random.pick(scene.nodes);
  const others: Place[] = [...scene.nodes.filter((other) => other !== node), ...scene.witnesses];
  return cut(bothWays(others.map((other): Cut => [node, other])), drawUs(random, scene, OUTAGE_MAX_US));
};

export const freeze: DrawFault = (random, scene) => {
  const node = random.pick(scene.nodes);
  const lastsUs = drawUs(random, scene, FREEZE_MAX_US);
  return { text: `freeze ${node} ${lasting(lastsUs)}`, lastsUs, begin: (world) => world.agent(node).pause(lastsUs) };
};

/** As systemd does: a process that is still on its way out is waited for. */
function startOnceGone(world: World, agent: AgentShell): void {
  if (!agent.running) agent.start();
  else if (agent.stopping) {
    world.troubledUntilUs = Math.max(world.troubledUntilUs, world.nowUs + SECOND_US / 2);
    world.schedule.after(SECOND_US / 2, () => startOnceGone(world, agent));
  }
}

/** The node is down for a while; `how` it came to that. */
function down(name: string, maxUs: number, how: (agent: AgentShell, random: Random) => void): DrawFault {
  return (random, scene) => {
    const node = random.pick(scene.nodes);
    const lastsUs = drawUs(random, scene, maxUs);
    return {
      text: `${name} ${node}, started again ${lasting(lastsUs).replace('for', 'after')}`,
      lastsUs,
      begin: (world) => how(world.agent(node), world.random),
      end: (world) => startOnceGone(world, world.agent(node)),
    };
  };
}

export const crash = down('crash of', 5 * SECOND_US, (agent) => agent.crash());
export const reboot = down('reboot of', 15 * SECOND_US, (agent) => agent.reboot());
const stop = down('orderly stop of', 5 * SECOND_US, (agent) => agent.stop());
export const depart = down('departure of', 15 * SECOND_US, (agent) => agent.stop('depart'));

/** Without `RuntimeDirectoryPreserve=yes`, or by hand: `run_dir` is empty at the next start in the same boot. */
const crashWithoutRunDir = down('crash with the loss of run_dir of', 5 * SECOND_US, (agent) => {
  agent.crash();
  agent.loseRunDir();
});

/** The engine dies alone: its guardian does the last duties and starts the next one, unless something befalls it too. */
export const crashEngine: DrawFault = (random, scene) => {
  const node = random.pick(scene.nodes);
  const fate = random.pick(['lives', 'lives', 'is frozen', 'dies']);
  const fateAfterUs = random.logBetween(100, 300_000);
  const frozenUs = random.logBetween(1000, FREEZE_MAX_US);
  const lastsUs = fate === 'dies' ? drawUs(random, scene, 5 * SECOND_US) + fateAfterUs : SECOND_US + frozenUs;
  const then = fate === 'lives' ? '' : ` ${lasting(fateAfterUs).replace('for', 'after')}`;
  const forLong = fate === 'is frozen' ? ` ${lasting(frozenUs)}` : '';
  return {
    text: `crash of ${node}'s engine; its guardian ${fate}${then}${forLong}`,
    lastsUs,
    begin: (world) => {
      const agent = world.agent(node);
      agent.crashEngine();
      if (fate === 'is frozen') world.schedule.after(fateAfterUs, () => agent.guardian.pause(frozenUs));
      if (fate === 'dies') world.schedule.after(fateAfterUs, () => agent.crash());
    },
    end: (world) => {
      const agent = world.agent(node);
      if (!agent.guardian.atWork) startOnceGone(world, agent);
    },
  };
};

/** L16: a node comes back with other settings on which safety hangs, until that is put right. */
export const misconfigure: DrawFault = (random, scene) => {
  const node = random.pick(scene.nodes);
  const lastsUs = drawUs(random, scene, OUTAGE_MAX_US);
  const restart = (world: World, configured: GroupIdentity): void => {
    world.agent(node).crash();
    world.agent(node).start(configured);
  };
  return {
    text: `${node} restarts with another configuration ${lasting(lastsUs)}`,
    lastsUs,
    begin: (world) => restart(world, world.foreign),
    end: (world) => restart(world, world.identities[0]),
  };
};

/**
 * L16: someone goes from node to node to configure them for another witness or policy, forgets one perhaps, and changes
 * their mind perhaps before all is done.
 */
export const changeIdentity: DrawFault = (random, scene) => {
  const lastUs = random.logBetween(scene.intervalUs / 5, CHANGE_MAX_US);
  const goals = [random.integer(scene.identities), ...(random.chance(0.4) ? [random.integer(scene.identities)] : [])];
  const forgets = random.chance(0.3) ? random.pick(scene.nodes) : undefined;
  const orders = goals.flatMap((identity, round) =>
    scene.nodes
      .filter((node) => node !== forgets)
      .map((node) => ({
        node,
        identity,
        how: random.pick(['reads', 'reads', 'starts with']),
        afterUs: round * random.between(0, lastUs) + random.between(0, lastUs),
      })),
  );
  const told = orders.map(({ node, how, identity, afterUs }) => {
    return `${node} ${how} ${identity} after ${(afterUs / 1000).toFixed(1)} ms`;
  });
  return {
    text: `another identity: ${told.join(', ')}`,
    lastsUs: 2 * lastUs,
    begin: (world) => {
      for (const { node, how, identity, afterUs } of orders) {
        const agent = world.agent(node);
        world.schedule.after(afterUs, () => {
          // Before its first run it would have nothing to go over from.
          if (agent.incarnation === 0) return;
          agent.configure(world.identity(identity));
          if (how === 'reads' || !agent.running) return;
          agent.crash();
          agent.start();
        });
      }
    },
  };
};

/** Every node in its turn, and nothing else goes wrong. */
export const changeIdentityCalmly: DrawFault = (random, scene) => {
  const identity = 1 + random.integer(scene.identities - 1);
  const orders = scene.nodes.map((node) => ({ node, afterUs: random.between(0, CHANGE_MAX_US) }));
  const told = orders.map(({ node, afterUs }) => `${node} reads ${identity} after ${(afterUs / 1000).toFixed(1)} ms`);
  return {
    text: `another identity: ${told.join(', ')}`,
    lastsUs: CHANGE_MAX_US,
    begin: (world) => {
      for (const { node, afterUs } of orders) {
        world.schedule.after(afterUs, () => world.agent(node).configure(world.identity(identity)));
      }
    },
  };
};

/** A link, a check or an operator forbids a node to own, for a while. */
export const unfit: DrawFault = (random, scene) => {
  const node = random.pick(scene.nodes);
  const why = random.pick(['link_lost', 'check_failed', 'maintenance'] as const);
  const lastsUs = drawUs(random, scene, OUTAGE_MAX_US);
  return {
    text: `${node} is unfit (${why}) ${lasting(lastsUs)}`,
    lastsUs,
    begin: (world) => world.agent(node).becomeUnfit(why, lastsUs),
    ownerAfter: (owner, other) => (owner === node ? other : owner),
  };
};

export const handOver: DrawFault = (random, scene) => {
  const to: NodeName | undefined = random.chance(0.5) ? undefined : random.pick(scene.nodes);
  return {
    text: `an operator hands over to ${to ?? 'whoever is best'}`,
    lastsUs: 0,
    begin: (world) => {
      for (const agent of world.agents) agent.handOver(to);
    },
    ownerAfter: (_, other) => to ?? other,
  };
};

const restartWitness: DrawFault = (random, scene) => {
  const name = witnessOf(random, scene);
  const supersededForUs = random.chance(0.7) ? random.between(0, 15 * SECOND_US) : 0;
  const wallOffsetMs = random.chance(0.5) ? 0 : Math.floor(random.between(-3000, 3000));
  return {
    text: `a new instance of ${name}, its wall clock off by ${wallOffsetMs} ms, the old one heard ${lasting(supersededForUs)}`,
    lastsUs: 0,
    begin: (world) => world.witnesses.get(name)?.restart(supersededForUs, wallOffsetMs),
  };
};

/** The object's storage goes back to an earlier state: a restore, a deletion, a class migration (L14). */
const rollBackWitness: DrawFault = (random, scene) => {
  const name = witnessOf(random, scene);
  const everything = random.chance(0.5);
  return {
    text: everything ? `${name} loses its storage` : `${name}’s storage goes back to an earlier state`,
    lastsUs: 0,
    begin: (world) => world.rollBackWitness(everything, world.witnesses.get(name)),
  };
};

export const degrade: DrawFault = (random, scene) => {
  const places: readonly Place[] = [...scene.nodes, ...scene.witnesses];
  const from = random.pick(places);
  const to = random.pick(places.filter((place) => place !== from));
  const quality: LinkQuality = {
    ...GOOD_LINK,
    delayMaxUs: random.logBetween(500, 2 * scene.intervalUs),
    loss: random.between(0, 0.6),
    duplicate: 0.1,
    late: random.between(0, 0.3),
    lateMaxUs: 6 * SECOND_US,
  };
  const lastsUs = drawUs(random, scene, OUTAGE_MAX_US);
  const [loss, late] = [quality.loss, quality.late].map((share) => (100 * share).toFixed(0));
  return {
    text: `${from}>${to} loses ${loss} %, delays ${late} % ${lasting(lastsUs)}`,
    lastsUs,
    begin: (world) => world.network.degrade(from, to, quality),
    end: (world) => world.network.degrade(from, to),
  };
};

/** Anybody on the wire can send these (L4). */
const spoof: DrawFault = (random, scene) => {
  const forged = Array.from({ length: 1 + random.integer(5) }, (_, index) => ({
    priority: random.pick([0, 0, 0, 1, 255]),
    node: random.pick(scene.nodes),
    afterUs: index * random.between(0, scene.intervalUs),
  }));
  return {
    text: `forged advertisements: ${forged.map(({ priority, node }) => `${priority} to ${node}`).join(', ')}`,
    lastsUs: 0,
    begin: (world) => {
      for (const { priority, node, afterUs } of forged) {
        world.schedule.after(afterUs, () => world.agent(node).hearAdvertisement(priority));
      }
    },
  };
};

const replay: DrawFault = () => ({
  text: 'everything recorded of the sideband and of the way to w is played again',
  lastsUs: 0,
  begin: (world) => world.replay(),
});

/** L14: a second deployment grants whatever it is asked, under its own key and, as a forger would, under the true name. */
const foreignWitness: DrawFault = (random, scene) => {
  const node = random.pick(scene.nodes);
  return {
    text: `another witness grants ${node} the vote`,
    lastsUs: 0,
    begin: (world) => world.grantByAnotherWitness(node),
  };
};

/** Each of them alone moves the group once at most. */
export const SINGLE_FAULTS: readonly DrawFault[] = [
  cutPeers,
  cutWitness,
  loseWitness,
  isolate,
  freeze,
  crash,
  crashEngine,
  reboot,
  restartWitness,
  spoof,
];

/** None of them concerns two agents that hear each other. */
export const WITNESS_FAULTS: readonly DrawFault[] = [cutWitness, loseWitness, restartWitness, foreignWitness];

export const ALL_FAULTS: readonly DrawFault[] = [
  cutPeers,
  cutPeers,
  partition,
  cutWitness,
  isolate,
  freeze,
  freeze,
  crash,
  crash,
  crashEngine,
  crashEngine,
  crashWithoutRunDir,
  reboot,
  stop,
  depart,
  depart,
  misconfigure,
  unfit,
  unfit,
  handOver,
  restartWitness,
  rollBackWitness,
  degrade,
  degrade,
  spoof,
  replay,
  foreignWitness,
];

/** Where nodes are configured for other identities: a node of other members has no place among them. */
export const CHANGING_FAULTS: readonly DrawFault[] = [
  ...ALL_FAULTS.filter((draw) => draw !== misconfigure),
  changeIdentity,
  changeIdentity,
  changeIdentity,
];

/** Any way to cut the link between two agents, while the witness is near. */
export const cutLink: DrawFault = (random, scene) => {
  const lastsUs = random.logBetween(scene.intervalUs / 5, 15 * SECOND_US);
  return cut(someWays(random, 'a', 'b'), lastsUs);
};
