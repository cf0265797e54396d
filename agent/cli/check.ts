import { KAPPA, votesNeeded, witnessVotes } from '@tiebreak/shared/lease';
import type { Command } from 'commander';
import { commandProblem } from '../checks/index.ts';
import {
  type Config,
  formatDuration,
  formatProblem,
  formatSecretProblem,
  type GroupConfig,
  type LeaseGroupConfig,
  loadSecrets,
  type VirtualRouterConfig,
} from '../config/index.ts';
import { readConfigFile } from './config-file.ts';
import { EXIT } from './exit-code.ts';
import { alignColumns } from './table.ts';

export function registerCheck(program: Command): void {
  program
    .command('check')
    .description('check a configuration without running anything')
    .requiredOption('-c, --config <file>', 'the configuration')
    .action(({ config }: { config: string }) => {
      process.exitCode = check(config);
    });
}

function check(file: string): number {
  const read = readConfigFile(file);
  if (read === undefined) return EXIT.usage;
  for (const warning of read.warnings) process.stderr.write(`warning: ${formatProblem(warning)}\n`);
  for (const warning of commandWarnings(read.config)) process.stderr.write(`warning: ${warning}\n`);
  const secrets = loadSecrets(read.config);
  let code: number = EXIT.good;
  if (!secrets.ok) {
    for (const problem of secrets.problems) {
      // A file is often checked on another host than it is for: only what a file does hold can be wrong.
      if (problem.unreadable) {
        process.stderr.write(`warning: ${formatSecretProblem(problem)}; 'tiebreak run' will need it\n`);
      } else {
        process.stderr.write(`${formatSecretProblem(problem)}\n`);
        code = EXIT.usage;
      }
    }
  }
  if (code === EXIT.good) process.stdout.write(summarize(read.config));
  return code;
}

/** A file is often checked on another host than it is for, where programs and users are others. */
function commandWarnings({ groups }: Config): string[] {
  return groups.flatMap((group) =>
    group.checks.flatMap((check) => {
      const problem = commandProblem(check);
      const where = `group ${group.name}, check ${check.name}`;
      return problem === undefined ? [] : [`${where}: ${problem}; 'tiebreak run' will refuse it`];
    }),
  );
}

/** The configuration in short, with what follows from it. */
export function summarize(config: Config): string {
  const witness = config.witness === null ? 'none' : `${config.witness.url}, cluster ${config.witness.cluster}`;
  const { host, port } = config.api.listen;
  const head = [
    ['node', config.node],
    ['witness', witness],
    ['api', `${host.includes(':') ? `[${host}]` : host}:${port}, ${config.runDir}/api.sock`],
  ];
  return `${alignColumns(head)}\n${config.groups.map((group) => `\n${summarizeGroup(group, config)}\n`).join('')}`;
}

function summarizeGroup(group: GroupConfig, config: Config): string {
  const rows = [
    ...(group.mode === 'lease'
      ? [
          ['  mode', 'lease'],
          ['  policy', describePolicy(group.policy)],
          ['  votes', describeVotes(group, config)],
          ...group.peers.map((peer) => [`  peer ${peer.node}`, peer.addresses.join(', ')]),
        ]
      : [['  mode', 'vrrp: unprotected, may go to two owners']]),
    ...group.virtualRouters.flatMap((router) => [
      [`  ${router.interface} vrid ${router.virtualRouterId}`, describeRouter(router)],
      ['  timing', describeTiming(router, group.mode)],
    ]),
    ...group.floatingIps.map(({ address, provider }) => ['  floating ip', `${address}, at ${provider}`]),
  ];
  return `group ${group.name}\n${alignColumns(rows)}`;
}

function describePolicy(policy: LeaseGroupConfig['policy']): string {
  switch (policy.name) {
    case 'safe':
      return 'safe: without a majority nobody owns';
    case 'bias': {
      const keptUs = KAPPA * policy.promiseMs * 1000;
      return `bias: as safe, but if the link is cut while the witness is away, the owner stays for up to ${formatDuration(keptUs)}`;
    }
    case 'available':
      return 'available: an owner stays without a majority too, so there may be two';
  }
}

function describeVotes({ peers }: LeaseGroupConfig, { node, witness }: Config): string {
  const agents = [node, ...peers.map((peer) => peer.node)];
  const votes = witnessVotes(agents.length, witness !== null);
  const needed = votesNeeded(agents.length, witness !== null);
  const all = votes ? [...agents, 'the witness'] : agents;
  const idle = witness !== null && !votes ? '; the witness has none, for an odd number of agents has no ties' : '';
  return `${needed} of ${all.length} needed: ${all.join(', ')}${idle}`;
}

function describeRouter(router: VirtualRouterConfig): string {
  const addresses = router.addresses.map(({ address, prefixLength, interface: device, advertised }) => {
    const elsewhere = device === router.interface ? '' : ` on ${device}`;
    return `${address}/${prefixLength}${elsewhere}${advertised ? '' : ' (not advertised)'}`;
  });
  const routes = router.routes.map(({ to, prefixLength, via, interface: device }) => {
    return `; route to ${to}/${prefixLength} ${via === null ? `on ${device}` : `via ${via}`}`;
  });
  return `${addresses.join(', ')}; VRRP version ${router.version}, priority ${router.priority}${routes.join('')}`;
}

/** A peer counts as lost after 3 intervals + skew: RFC 9568 section 6.1; in version 2 the skew does not depend on the interval. */
function describeTiming(
  { version, priority, advertisementIntervalUs: us }: VirtualRouterConfig,
  mode: GroupConfig['mode'],
): string {
  const skewUs = ((256 - priority) * (version === 3 ? us : 1_000_000)) / 256;
  const down = `down time ${formatDuration(Math.round((3 * us + skewUs) / 100) * 100)}`;
  const promise = mode === 'lease' ? `, promise ${formatDuration(us * 2.5)}` : '';
  return `interval ${formatDuration(us)}${promise}, ${down}`;
}
