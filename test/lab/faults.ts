import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LabProcess, signalAll, waitFor } from './process.ts';
import { type Agent, other, type WitnessControl } from './system.ts';
import { type HostName, NETWORK, PORTS, type Topology } from './topology.ts';

/** One thing that breaks, and how it is mended. Both return when the kernel has it. */
export interface Fault {
  readonly inject: () => Promise<void>;
  readonly heal: () => Promise<void>;
}

/** Everything between the two hosts is lost, on every path; everybody else still reaches both. */
export function linkCut(topology: Topology): Fault {
  return cut(topology, [...between('a', 'b'), ...between('b', 'a')]);
}

/** What `from` sends to the other host is lost; the way back works. */
export function oneDirectionCut(topology: Topology, from: HostName): Fault {
  return cut(topology, between(from, other(from)));
}

/** `host` reaches neither its peer nor the witness; clients still reach it. */
export function cutOffFromBoth(topology: Topology, host: HostName): Fault {
  const peer = other(host);
  const witness: readonly [string, string] = [PORTS[host].uplink, PORTS.witness.uplink];
  return cut(topology, [...between(host, peer), ...between(peer, host), witness, [witness[1], witness[0]]]);
}

/** `host` does not reach the witness; everybody else is heard. */
export function cutOffFromWitness(topology: Topology, host: HostName): Fault {
  const [there, back] = [PORTS[host].uplink, PORTS.witness.uplink];
  return cut(topology, [
    [there, back],
    [back, there],
  ]);
}

/** The host's LAN port passes nothing, its uplink works. The host keeps its carrier. */
export function lanLinkLost(topology: Topology, host: HostName): Fault {
  return deadPorts(topology, [PORTS[host].lan]);
}

/** The host's LAN port loses its carrier, as when the cable is pulled; its uplink works. */
export function lanCarrierLost(topology: Topology, host: HostName): Fault {
  return {
    inject: () => topology.ip('switch', [`link set ${PORTS[host].lan} down`]),
    heal: () => topology.ip('switch', [`link set ${PORTS[host].lan} up`]),
  };
}

/** The power fails: no frame in or out, no process left. Healed, it comes up again with nothing but its own addresses. */
export function hostLost(topology: Topology, agent: Agent): Fault {
  const { host } = agent;
  const ports = deadPorts(topology, [PORTS[host].lan, PORTS[host].uplink]);
  return {
    inject: async () => {
      await ports.inject();
      signalAll(await topology.pids(host), 'SIGKILL');
    },
    heal: async () => {
      await waitFor(`the processes of host ${host} are gone`, 5_000, async () =>
        (await topology.pids(host)).length === 0 ? true : undefined,
      );
      agent.losePower();
      await topology.reboot(host);
      await ports.heal();
      await agent.start();
    },
  };
}

/** Every process of the host stops where it stands; the kernel goes on answering. */
export function frozen(topology: Topology, host: HostName): Fault {
  return {
    inject: async () => signalAll(await topology.pids(host), 'SIGSTOP'),
    heal: async () => signalAll(await topology.pids(host), 'SIGCONT'),
  };
}

/** SIGTERM, as at a reboot or an upgrade. */
export function plannedStop(agent: Agent): Fault {
  return { inject: () => agent.terminate(), heal: () => agent.start() };
}

/** The operator's order to hand over. undefined: the program knows none. */
export function plannedHandover(agent: Agent): Fault | undefined {
  const { handOver } = agent;
  if (handOver === undefined) return undefined;
  return {
    inject: async () => {
      const order = await handOver();
      if (!order.taken) throw new Error(`host ${agent.host} does not hand over: ${order.reason}`);
    },
    heal: async () => undefined,
  };
}

/** A check of the host's service reports that it fails, and later that it passes again. */
export function checkFailed(agent: Agent, check: string): Fault {
  return { inject: () => agent.reportHealth(check, false), heal: () => agent.reportHealth(check, true) };
}

/** The deciding process is killed. Whoever watches over it is left alone, and the service manager starts what ended for good. */
export function engineKilled(agent: Agent): Fault {
  return {
    inject: async () => signalAll([await agent.enginePid()], 'SIGKILL'),
    heal: async () => {
      if (!agent.running) await agent.start();
    },
  };
}

/** The deciding process stands still; whoever watches over it does not. */
export function engineFrozen(agent: Agent): Fault {
  return processFrozen(() => agent.enginePid());
}

/** The process that watches over the deciding one stands still. */
export function watcherFrozen(agent: Agent): Fault {
  return processFrozen(async () => agent.watcherPid());
}

/** The watching process alone is killed. Healed as by a service manager, which ends what is left and starts both. */
export function watcherKilled(topology: Topology, agent: Agent): Fault {
  const { host } = agent;
  return {
    inject: async () => signalAll([agent.watcherPid()], 'SIGKILL'),
    heal: async () => {
      signalAll(await topology.pids(host), 'SIGTERM');
      await waitFor(`the processes of host ${host} have ended`, 10_000, async () =>
        (await topology.pids(host)).length === 0 ? true : undefined,
      );
      await agent.start();
    },
  };
}

/** Every process of the host is killed at once. The kernel keeps what they configured. */
export function everythingKilled(topology: Topology, agent: Agent): Fault {
  return {
    inject: async () => signalAll(await topology.pids(agent.host), 'SIGKILL'),
    heal: () => agent.start(),
  };
}

/** Another program begins its own rules with `flush ruleset`. */
export function rulesetFlushed(topology: Topology, host: HostName): Fault {
  return {
    inject: async () => {
      await topology.inside(host, 'nft', ['flush', 'ruleset']);
    },
    heal: async () => undefined,
  };
}

/** Another program takes every address off the LAN's interface; healed, the host has its own again. */
export function addressesFlushed(topology: Topology, host: HostName): Fault {
  return {
    inject: () => topology.ip(host, [`addr flush dev ${NETWORK.lanInterface} scope global`]),
    heal: () => topology.ip(host, [`addr add ${ownAddress(host)} dev ${NETWORK.lanInterface}`]),
  };
}

/** Programs of the host that compute without end. */
export function processorsBusy(topology: Topology, host: HostName, programs: number): Fault {
  let running: LabProcess[] = [];
  return {
    inject: async () => {
      running = Array.from({ length: programs }, (_, index) =>
        topology.spawn(host, {
          command: 'sh',
          args: ['-c', 'while :; do :; done'],
          logFile: join(topology.folder, `busy-${host}-${index}.log`),
        }),
      );
    },
    heal: async () => {
      await Promise.all(running.map((program) => program.stop(0)));
    },
  };
}

/** The witness no longer answers, and its connections stay open. */
export function witnessSilent(witness: WitnessControl): Fault {
  return { inject: () => witness.freeze(), heal: () => witness.thaw() };
}

/** The witness ends, and comes back with its data. */
export function witnessStopped(witness: WitnessControl): Fault {
  return { inject: () => witness.stop(), heal: () => witness.start() };
}

/**
 * The same fault, injected a given time after an advertisement of the owner, so that two systems meet it at the same
 * phase. What phase it really was, the record tells: the last advertisement and the last answer are both in it.
 */
export function atPhase(fault: Fault, nextAdvertisement: () => Promise<unknown>, phaseMs: number): Fault {
  return {
    inject: async () => {
      await nextAdvertisement();
      await sleep(phaseMs);
      await fault.inject();
    },
    heal: fault.heal,
  };
}

function processFrozen(pidOf: () => Promise<number>): Fault {
  let stopped: number[] = [];
  return {
    inject: async () => {
      stopped = [await pidOf()];
      signalAll(stopped, 'SIGSTOP');
    },
    heal: async () => signalAll(stopped, 'SIGCONT'),
  };
}

function ownAddress(host: HostName): string {
  return `${NETWORK.hosts[host].lan}/${NETWORK.prefixLength}`;
}

type Direction = readonly [from: string, to: string];

function between(from: HostName, to: HostName): Direction[] {
  return [
    [PORTS[from].lan, PORTS[to].lan],
    [PORTS[from].uplink, PORTS[to].uplink],
  ];
}

function cut(topology: Topology, directions: readonly Direction[]): Fault {
  const elements = directions.map(([from, to]) => `"${from}" . "${to}"`).join(', ');
  return setElements(topology, 'cut', elements);
}

function deadPorts(topology: Topology, ports: readonly string[]): Fault {
  return setElements(topology, 'dead', ports.map((port) => `"${port}"`).join(', '));
}

function setElements(topology: Topology, set: string, elements: string): Fault {
  return {
    inject: () => topology.nft(`add element bridge lab ${set} { ${elements} }`),
    heal: () => topology.nft(`delete element bridge lab ${set} { ${elements} }`),
  };
}

/** In both directions between the hosts, on LAN and uplink, the switch drops what `match` says (an nftables match). */
export function framesDropped(topology: Topology, match: string): Fault {
  const chain = 'bridge lab picky';
  const rules = [...between('a', 'b'), ...between('b', 'a')].map(
    ([from, to]) => `add rule ${chain} iifname "${from}" oifname "${to}" ${match} drop`,
  );
  const hook = `add chain ${chain} { type filter hook forward priority 1; policy accept; }`;
  return {
    inject: () => topology.nft([hook, ...rules, ''].join('\n')),
    heal: () => topology.nft(`flush chain ${chain}\ndelete chain ${chain}\n`),
  };
}

/** The processes of the agent alone stop where they stand; what else runs on the host goes on. */
export function agentFrozen(topology: Topology, agent: Agent): Fault {
  let stopped: number[] = [];
  return {
    inject: async () => {
      stopped = (await topology.pids(agent.host)).filter((pid) => /^tiebreak-(engine|guardian)/.test(commandLine(pid)));
      signalAll(stopped, 'SIGSTOP');
    },
    heal: async () => signalAll(stopped, 'SIGCONT'),
  };
}

/** A process's own words for what it is; empty once it has gone. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Several faults at once; healed in the reverse order. */
export function allOf(...faults: readonly Fault[]): Fault {
  return {
    inject: async () => {
      for (const fault of faults) await fault.inject();
    },
    heal: async () => {
      for (const fault of [...faults].reverse()) await fault.heal();
    },
  };
}
