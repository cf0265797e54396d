import { release } from 'node:os';
import type { Config } from '../config/index.ts';
import { probeFenceLevel } from '../kernel/fence/index.ts';
import { kernelTickUs } from '../kernel/index.ts';
import type { AgentState } from './agent-state.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** A lease's interval must have room for the fence's arithmetic, which counts in ticks. */
const LEAST_TICKS = 14;

export type KernelFacts = {
  readonly release: string;
  readonly tickMs: number;
  /** The weakest of a running agent's groups, else as a trial has found it; a text says why there is none. */
  readonly fence: { readonly level: 'full' | 'no_egress' } | { readonly level: 'none'; readonly why: string };
};

/** Without an agent it tries the hooks, in a transaction that takes no effect. */
export function readKernel(agent: AgentState): KernelFacts {
  return { release: release(), tickMs: kernelTickUs() / 1000, fence: fenceOf(agent) };
}

function fenceOf(agent: AgentState): KernelFacts['fence'] {
  if (agent.kind !== 'running') return probeFenceLevel();
  const levels = agent.status.groups.map(({ fence }) => fence.level);
  if (levels.includes('none')) return { level: 'none', why: 'the agent runs without it; its log says why' };
  return { level: levels.includes('no_egress') ? 'no_egress' : 'full' };
}

export function judgeKernel({ release: version, tickMs, fence }: KernelFacts, config: Config): readonly Finding[] {
  const findings: Finding[] = [];
  const leases = config.groups.filter((group) => group.mode === 'lease');
  const virtualMac = config.groups.some(({ virtualRouters }) => virtualRouters.some((router) => router.virtualMac));
  if (fence.level === 'none') {
    const tell = leases.length > 0 || virtualMac ? problem : warning;
    const remedy = 'install libnftables1 (Debian, Ubuntu) or nftables, on a kernel with CONFIG_NF_TABLES_NETDEV';
    findings.push(tell('fence', `there is none: ${fence.why}`, remedy));
  } else if (fence.level === 'no_egress') {
    const found = 'the kernel has no egress hook: what a program sends through a packet socket is not held back';
    findings.push((virtualMac ? problem : warning)('fence', found, 'use Linux 5.16 or later'));
  }
  for (const { name, intervalUs } of leases) {
    const leastMs = LEAST_TICKS * tickMs;
    if (intervalUs / 1000 >= leastMs) continue;
    const found = `a tick of ${tickMs} ms is too coarse for the interval of ${intervalUs / 1000} ms of group ${name}`;
    findings.push(problem('kernel tick', found, `set advertisement_interval to ${leastMs} ms or more on every node`));
  }
  if (findings.length > 0) return findings;
  return [ok('kernel', `Linux ${version}, the whole fence, a tick of ${tickMs} ms`)];
}
