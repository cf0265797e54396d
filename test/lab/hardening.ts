import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type Analysis, analyse } from './analysis.ts';
import { Laboratory } from './laboratory.ts';
import { PROBE_PERIOD_MS } from './prober.ts';
import { type LabProcess, type SpawnOptions, waitFor } from './process.ts';
import { DEFAULT_SCENARIO, type Scenario } from './system.ts';
import { type TiebreakSystem, tiebreakSystem, VIRTUAL_ROUTER_DEFAULTS, type VirtualRouterOptions } from './tiebreak.ts';
import type { HostName, Topology } from './topology.ts';

/** A laboratory whose agents are tiebreak's, with what the hardening tests ask of them beyond any system. */
export type HardeningLab = { readonly lab: Laboratory; readonly system: TiebreakSystem; readonly topology: Topology };

export type HardeningOptions = {
  readonly scenario?: Scenario;
  readonly gateway?: boolean;
  readonly environmentOf?: (host: HostName) => Readonly<Record<string, string>>;
  /** Changes the network before anything runs on it. */
  readonly prepare?: (topology: Topology) => Promise<void>;
  /** Instead of two agents and one witness as usual. */
  readonly systemFor?: (topology: Topology) => Promise<TiebreakSystem>;
};

export async function hardeningLab(options: HardeningOptions = {}): Promise<HardeningLab> {
  const { scenario = DEFAULT_SCENARIO, gateway = false, environmentOf, prepare } = options;
  const router: VirtualRouterOptions = { ...VIRTUAL_ROUTER_DEFAULTS, gateway };
  const usual = (topology: Topology): Promise<TiebreakSystem> =>
    tiebreakSystem(topology, scenario, router, undefined, environmentOf);
  let system: TiebreakSystem | undefined;
  const lab = await Laboratory.of(async (topology) => {
    await prepare?.(topology);
    system = await (options.systemFor ?? usual)(topology);
    return system;
  });
  if (system === undefined) throw new Error('a laboratory has a system');
  return { lab, system, topology: lab.topology };
}

/** What the client sees from shortly before `act` until `afterMs` after its end. */
export async function watched(lab: Laboratory, act: () => Promise<unknown>, afterMs: number): Promise<Analysis> {
  const fromUs = lab.prober.nowUs() - 300_000;
  await act();
  await sleep(afterMs);
  return analyse(lab.prober.between(fromUs, lab.prober.nowUs()));
}

/** Zero of two owners means something only if the prober looked all the time. */
export function expectNeverTwo(seen: Analysis, atLeastMs: number, said: () => string): void {
  expect(seen.probes, said()).toBeGreaterThan((0.8 * atLeastMs) / PROBE_PERIOD_MS);
  expect(seen.longestStallMs, said()).toBeLessThan(DEFAULT_SCENARIO.advertisementIntervalMs / 2);
  expect(seen, said()).toMatchObject({ twoOwnersMs: 0 });
  // An owner announces itself just before its first answer: after several moves that looks like a frame of its former time.
  if (seen.changes.length < 2) expect(seen, said()).toMatchObject({ staleFrames: 0 });
}

export function expectUntouched(seen: Analysis, atLeastMs: number, said: () => string): void {
  expectNeverTwo(seen, atLeastMs, said);
  expect(seen, said()).toMatchObject({ moved: false, client: { lost: 0 } });
}

/** Wall clock, microseconds: when `host` answered last within the record of [fromUs, toUs). */
export function lastAnswerUs(lab: Laboratory, host: HostName, fromUs: number, toUs: number): number {
  const record = lab.prober.between(fromUs, toUs);
  const answers = record.filter((line) => 'by' in line && line.by === host && line.kind.endsWith('answer'));
  return answers.at(-1)?.atUs ?? Number.NaN;
}

/** How often `host` has become the owner, by its own log. */
export function takeovers(system: TiebreakSystem, host: HostName): number {
  return system.agents[host].log().split('"to":"active"').length - 1;
}

export type Held = { readonly heldUs: number; readonly releasedUs: number };

/** Holds a process right before it sends a lease packet of that kind; see hold.ts. Returns when it goes on again. */
export async function heldBefore(
  topology: Topology,
  pid: number,
  kind: 'refresh' | 'open',
  holdMs: number,
  armed: () => Promise<unknown> = async () => undefined,
): Promise<Held> {
  const logFile = join(topology.folder, `hold-${Date.now()}`);
  const script = fileURLToPath(new URL('hold.ts', import.meta.url));
  const tracer = topology.spawn('switch', {
    command: process.execPath,
    args: [script, String(pid), kind, String(holdMs)],
    logFile,
  });
  if (kind === 'open') await waitFor(`process ${pid} is traced`, 5_000, () => isTraced(pid));
  await armed();
  await tracer.exited;
  const [, heldUs = Number.NaN] = /held (\d+)/.exec(tracer.log)?.map(Number) ?? [];
  const [, releasedUs = Number.NaN] = /released (\d+)/.exec(tracer.log)?.map(Number) ?? [];
  if (Number.isNaN(heldUs) || Number.isNaN(releasedUs)) throw new Error(`nothing was held: ${tracer.log}`);
  return { heldUs, releasedUs };
}

function isTraced(pid: number): true | undefined {
  const tracer = /TracerPid:\s+(\d+)/.exec(readStatus(pid))?.[1];
  return tracer !== undefined && tracer !== '0' ? true : undefined;
}

function readStatus(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, 'utf8');
}

/** Processor time that a process has used, in ms. The kernel counts it in hundredths of a second. */
export function processorMs(pid: number): number {
  const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const fields = rest.split(' ').map(Number);
  return ((fields[11] ?? Number.NaN) + (fields[12] ?? Number.NaN)) * 10;
}

export type Echo = { readonly atUs: number; readonly ttl: number };

/** An ordinary program that asks an address for an echo every 10 ms, and writes down each answer; see echo-client.ts. */
export class EchoClient {
  readonly #process: LabProcess;

  constructor(topology: Topology, spawn: (options: Omit<SpawnOptions, 'namespace'>) => LabProcess, to: string) {
    this.#process = spawn({
      command: process.execPath,
      args: [fileURLToPath(new URL('echo-client.ts', import.meta.url)), to],
      logFile: join(topology.folder, `echo-client-${made++}`),
    });
  }

  /** The answers of [fromUs, toUs), wall clock, as the program read them. */
  between(fromUs: number, toUs: number): Echo[] {
    if (!this.#process.running) throw new Error(`the echo client has ended: ${this.#process.log}`);
    const lines = this.#process.log.split('\n').filter((line) => /^\d+ \d+$/.test(line));
    const echoes = lines.map((line): Echo => {
      const [atUs = Number.NaN, ttl = Number.NaN] = line.split(' ').map(Number);
      return { atUs, ttl };
    });
    return echoes.filter(({ atUs }) => atUs >= fromUs && atUs < toUs);
  }

  async stop(): Promise<void> {
    await this.#process.stop(500);
  }
}

let made = 0;
