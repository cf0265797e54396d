import type { Config, LoadedSecrets } from '../config/index.ts';
import { agentVersion } from '../version.ts';
import { judgeWire } from './advertisements.ts';
import { judgeAgent } from './agent.ts';
import type { AgentState } from './agent-state.ts';
import { judgePrograms, readPrograms } from './check-programs.ts';
import { judgeClockDiscipline, readClock } from './clock.ts';
import { type Examination, perform } from './examination.ts';
import type { Finding } from './finding.ts';
import { judgeFirewall, readFirewall } from './firewall.ts';
import { judgeFolders, readFolders } from './folders.ts';
import { type HostInterface, readInterfaces } from './host.ts';
import { judgeInterfaces } from './interfaces.ts';
import { judgeKernel, readKernel } from './kernel-features.ts';
import { listen, listeningMs } from './listen.ts';
import { judgeMemberships, readMemberships } from './memberships.ts';
import { readNeighbours } from './neighbours.ts';
import { judgeNetworkSettings, readNetworkSettings } from './network-settings.ts';
import { judgePacketPrograms, readPacketPrograms } from './packet-programs.ts';
import { judgePrivilege, readPrivilege } from './privilege.ts';
import { reachWitness } from './reach-witness.ts';
import { judgeRulesetProgram, readRulesetProgram } from './ruleset-programs.ts';
import { judgeSecrets } from './secrets.ts';
import { judgeServiceUnit, readServiceUnit } from './service-unit.ts';
import { judgeSideband, readUdpPorts } from './sideband.ts';
import { judgeVrrpPrograms, readVrrpPrograms } from './vrrp-programs.ts';
import { judgeWitness } from './witness.ts';

export type { AgentState } from './agent-state.ts';
export type { Finding } from './finding.ts';
export { listeningMs } from './listen.ts';

const QUICK_MS = 3_000;
const FIREWALL_MS = 10_000;
/** A look-up, two requests, the token, and 10 votes of which each may take 5 s. */
const WITNESS_MS = 60_000;
const LISTEN_MARGIN_MS = 2_000;

export type Patient = {
  readonly config: Config;
  readonly secrets: LoadedSecrets;
  readonly agent: AgentState;
};

/**
 * Looks at this host and at what surrounds it; changes nothing, and is harmless beside a running agent. Takes as long as
 * `listeningMs`, longer if the witness is slow. Never rejects: what cannot be looked at is a finding.
 */
export async function examine(patient: Patient): Promise<readonly Finding[]> {
  const { config, secrets, agent } = patient;
  const quick = (topic: string, look: Examination['examine']): Examination => ({
    topic,
    withinMs: QUICK_MS,
    examine: look,
  });
  const examinations: Examination[] = [
    quick('agent', () => judgeAgent(agent, config, agentVersion())),
    quick('privilege', () => judgePrivilege(readPrivilege(config, agent))),
    quick('kernel', () => (agent.kind === 'unclear' ? [] : judgeKernel(readKernel(agent), config))),
    quick('secrets', () => judgeSecrets(secrets)),
    quick('folders', () => judgeFolders(readFolders(config))),
    quick('programs', () => judgePrograms(readPrograms(config))),
    quick('systemd unit', () => judgeServiceUnit(readServiceUnit(), config)),
    quick('interfaces', () => judgeInterfaces(config, readInterfaces(), agent)),
    quick('kernel settings', () => judgeNetworkSettings(readNetworkSettings(config), config, agent)),
    quick('packet programs', () => judgePacketPrograms(config, readInterfaces(), readPacketPrograms())),
    quick('rulesets', () => judgeRulesetProgram(readRulesetProgram())),
    { topic: 'firewall', withinMs: FIREWALL_MS, examine: async () => judgeFirewall(await readFirewall(), config) },
    quick('other programs', () => judgeVrrpPrograms(readVrrpPrograms())),
    quick('multicast', () => judgeMemberships(readMemberships(), config, agent)),
    {
      topic: 'VRRP on the wire',
      withinMs: listeningMs(config) + LISTEN_MARGIN_MS,
      examine: () => examineWire(patient, readInterfaces()),
    },
    quick('sideband', () => judgeSideband(config, agent, readUdpPorts())),
    ...witnessExamination(patient),
    quick('clock', () => judgeClockDiscipline(readClock())),
  ];
  return (await Promise.all(examinations.map(perform))).flat();
}

async function examineWire(
  { config, agent }: Patient,
  interfaces: readonly HostInterface[],
): Promise<readonly Finding[]> {
  const heard = await listen(config, interfaces, listeningMs(config));
  return judgeWire({ config, interfaces, agent, heard, neighbours: readNeighbours() });
}

/** A running agent has its own link, which another one with the same token would end; it tells what it measures. */
function witnessExamination({ config, secrets, agent }: Patient): Examination[] {
  const { witness } = config;
  if (witness === null) return [];
  const credential = agent.kind === 'absent' && secrets.ok ? (secrets.secrets.witness ?? undefined) : undefined;
  const look = async (): Promise<readonly Finding[]> =>
    judgeWitness(await reachWitness(witness, config, credential), config, agent);
  return [{ topic: 'witness', withinMs: WITNESS_MS, examine: look }];
}
