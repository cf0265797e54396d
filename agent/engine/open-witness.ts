import type { PassedHealth } from '@tiebreak/shared/wire';
import type { WitnessConfig, WitnessCredential } from '../config/index.ts';
import { boottimeUs } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import type { StateFile } from '../state/state-file.ts';
import { openWitnessLink, type Report, type WitnessLink } from '../witness-link/index.ts';
import type { LeaseGroup } from './lease-group.ts';
import type { WitnessRoutes } from './witness-route.ts';
import { tokenReader } from './witness-token.ts';

/** Opens the one link to the witness and brings its answers to the groups that asked. */
export function openWitness(options: {
  node: string;
  config: WitnessConfig;
  credential: WitnessCredential;
  /** Those in mode `lease`, as they are now. */
  groups: () => readonly LeaseGroup[];
  tokenFile: () => string;
  state: StateFile;
  lastSequence: number;
  log: Logger;
  routes: WitnessRoutes;
  report: () => Report;
  onPassedOn: (from: string, datagram: Uint8Array) => void;
  onHealth: (report: PassedHealth) => void;
}): WitnessLink {
  const { node, config, credential, groups, state, log, onHealth, onPassedOn, report, routes } = options;
  const { lastSequence, tokenFile } = options;
  const groupNamed = (name: string): LeaseGroup | undefined => groups().find((group) => group.name === name);
  return openWitnessLink({
    url: config.url,
    cluster: config.cluster,
    node,
    token: credential.token,
    rereadToken: tokenReader(tokenFile, credential.witnessId, (text) => log.warn(text)),
    incarnation: state.incarnation,
    serial: state.witnessSerial(credential.witnessId),
    lastSequence,
    groups: () => knownGroups(groups()),
    report,
    chooseSource: (witness) => routes.check(witness),
    nowUs: boottimeUs,
    random: Math.random,
    onReply({ sentAtUs, result }) {
      switch (result.kind) {
        case 'granted': {
          const { ballot, promise_ms: promiseMs } = result;
          groupNamed(result.group)?.witnessSaid({ type: 'witness-granted', ballot, promiseMs, sentAtUs });
          return;
        }
        case 'refused': {
          const { reason, remaining_ms: remainingMs, highest, holder } = result;
          const said = { reason, remainingMs, highest, holder: holder ?? undefined };
          groupNamed(result.group)?.witnessSaid({ type: 'witness-refused', ...said });
          return;
        }
        case 'welcome':
        case 'released':
        case 'rehearsed':
          return;
      }
    },
    onPassedOn,
    onHealth,
    onFreed: (name) => groupNamed(name)?.witnessSaid({ type: 'witness-freed' }),
    // The link logs its own changes.
    onState: ({ kind }) => {
      for (const group of groups()) group.witnessReachable(kind === 'connected');
    },
    onSerial: (serial) => state.noteWitnessSerial(credential.witnessId, serial),
    log: ({ level, message, ...fields }) => log[level](fields, message),
  });
}

/**
 * What the witness is told: not of a group that does without its vote, whose hash would make it refuse a peer that still goes
 * by the old one (L16).
 */
export function knownGroups(
  groups: readonly Pick<LeaseGroup, 'name' | 'state'>[],
): { group: string; configHash: string }[] {
  return groups.flatMap(({ name, state: { config } }) =>
    config.witness ? [{ group: name, configHash: config.configHash }] : [],
  );
}
