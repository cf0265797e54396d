import type { Config, LeaseGroupConfig } from '../config/index.ts';
import type { Measured, TokenOwner } from '../witness-setup/index.ts';
import { adviceText, adviseInterval } from '../witness-setup/index.ts';
import type { AgentState } from './agent-state.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import type { WitnessFacts, WitnessReach } from './reach-witness.ts';

/** Wall clocks are compared by people, who read both logs. Votes never compare them (L2, L13). */
const CLOCK_TOLERANCE_MS = 1_000;

export function judgeWitness(facts: WitnessFacts, config: Config, agent: AgentState): readonly Finding[] {
  return [
    ...judgeReach(facts.reach, facts.url),
    ...judgeWay(facts.wayProblems),
    ...(facts.reach.kind === 'reached' ? judgeClock(facts.reach) : []),
    ...(facts.token === undefined ? [] : judgeToken(facts.token, config)),
    ...judgeVotes(facts.measured, config, agent),
  ];
}

export function judgeReach(reach: WitnessReach, url: string): readonly Finding[] {
  const topic = 'witness';
  switch (reach.kind) {
    case 'unresolved':
      return [
        problem(
          topic,
          `${reach.hostname} cannot be resolved: ${reach.why}`,
          'correct url in [witness], or mend DNS (/etc/resolv.conf, /etc/hosts)',
        ),
      ];
    case 'unreachable': {
      const remedy = /CERT|SELF_SIGNED|ALTNAME|TLS|SSL/i.test(reach.why)
        ? "renew the witness's certificate, or set this host's clock: TLS does not trust it"
        : 'does it run? Let this host reach it: routes, firewall, the URL';
      return [problem(topic, `${url} does not answer: ${reach.why}`, remedy)];
    }
    case 'reached':
      if (reach.status === 200) return [ok(topic, `${url} answers in ${Math.round(reach.roundTripMs)} ms`)];
      return [
        problem(
          topic,
          `${url}/healthz answers with ${reach.status}`,
          'is that the URL of a witness, and is the witness well?',
        ),
      ];
  }
}

export function judgeWay(problems: readonly string[] | undefined): readonly Finding[] {
  const topic = 'way to the witness';
  if (problems === undefined) return [];
  if (problems.length === 0) return [ok(topic, 'leads through no peer and no virtual address')];
  return problems.map((found) => problem(topic, found, "'ip route get ADDRESS' shows the way as it is"));
}

function judgeClock({
  dateMs,
  askedAtMs,
  roundTripMs,
}: Extract<WitnessReach, { kind: 'reached' }>): readonly Finding[] {
  if (dateMs === undefined) return [];
  const topic = 'clock and witness';
  // The header counts whole seconds, and was written some time between the question and the answer.
  const aheadMs = askedAtMs + roundTripMs / 2 - (dateMs + 500);
  const certainMs = Math.abs(aheadMs) - 500 - roundTripMs / 2;
  if (certainMs <= CLOCK_TOLERANCE_MS) return [ok(topic, 'the wall clocks agree')];
  const found = `this host's wall clock is ${(Math.abs(aheadMs) / 1000).toFixed(1)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the witness's`;
  return [
    warning(
      topic,
      `${found}: votes do not care, logs and certificates do`,
      'let both be synchronised (chrony, systemd-timesyncd)',
    ),
  ];
}

function judgeToken(owner: TokenOwner, { node }: Config): readonly Finding[] {
  const topic = 'witness token';
  switch (owner.kind) {
    case 'node':
      if (owner.node === node) return [ok(topic, `the witness takes it for node ${node}'s`)];
      return [
        problem(
          topic,
          `is node ${owner.node}'s`,
          `put the token of node ${node} there: tiebreak witness enroll ${node}`,
        ),
      ];
    case 'void':
      return [
        problem(
          topic,
          'the witness does not know it (another cluster, or it was replaced or revoked)',
          `tiebreak witness enroll ${node} --cluster CLUSTER`,
        ),
      ];
    case 'unknown':
      return [
        problem(
          topic,
          'the witness did not say whose it is',
          'does [witness] name the URL and cluster for which the token was given?',
        ),
      ];
  }
}

function judgeVotes(measured: Measured | undefined, config: Config, agent: AgentState): readonly Finding[] {
  const topic = 'votes of the witness';
  const groups = config.groups.filter((group) => group.mode === 'lease');
  if (agent.kind === 'running') {
    const [status] = agent.status.groups.filter(({ mode }) => mode === 'lease');
    if (status === undefined) return [];
    const { state, vote_ms_p50: p50Ms, vote_ms_p99: p99Ms } = status.witness;
    if (state === 'not_configured')
      return [
        warning(
          topic,
          'the running agent knows no witness',
          'restart the agent: it reads its configuration when it starts',
        ),
      ];
    if (state !== 'connected') {
      return [
        problem(topic, `the agent's link is ${state}`, "see the reason in 'tiebreak status', and the lines above"),
      ];
    }
    if (p50Ms === null || p99Ms === null) return [ok(topic, 'the agent is connected, and has not measured yet')];
    return judgeBudget(p50Ms, p99Ms, groups);
  }
  if (measured === undefined) return [];
  if (!measured.ok)
    return [problem(topic, `cannot be had: ${measured.reason}`, 'does the token belong to this witness and cluster?')];
  return judgeBudget(measured.p50Ms, measured.p99Ms, groups);
}

/** Whether there is time for two votes in an interval, however slow they are. */
export function judgeBudget(p50Ms: number, p99Ms: number, groups: readonly LeaseGroupConfig[]): readonly Finding[] {
  const topic = 'votes of the witness';
  const advice = adviseInterval(p99Ms);
  const took = `take ${p50Ms.toFixed(1)} ms (p99 ${p99Ms.toFixed(1)} ms)`;
  const short = groups.filter(({ intervalUs }) => intervalUs / 1000 < advice.leastMs);
  if (short.length === 0) return [ok(topic, took)];
  return short.map(({ name, intervalUs }) => {
    const found = `${took}: the interval of group ${name}, ${intervalUs / 1000} ms, is too short for that`;
    return problem(topic, found, `set advertisement_interval on every node to ${adviceText(advice)}`);
  });
}
