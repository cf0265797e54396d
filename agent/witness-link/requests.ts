import { type Ballot, sameBallot } from '@tiebreak/shared/lease';
import { type ReportRequest, WITNESS_PROTOCOLS, type WitnessRequest, type WitnessResult } from '@tiebreak/shared/wire';

type Sent<Type> = Extract<WitnessRequest, { type: Type }>;

/** What this node sees, and what it has decided (oldest first). */
export type Report = {
  readonly [Part in 'peers' | 'groups' | 'decisions']: Readonly<ReportRequest[Part]>;
};

export type KnownGroup = { group: string; configHash: string };

export type Asked =
  | { type: 'hello' }
  | { type: 'rehearsal' }
  | { type: 'vote'; group: string; ballot: Ballot; promiseMs: number; configHash: string }
  | { type: 'release'; group: string; ballot: Ballot }
  | { type: 'relay'; to: string; datagram: string }
  | { type: 'report'; report: Report };

/** The fields that each request carries: its order, and the proof that it was sent just now (L13). */
type Envelope = Omit<Sent<'rehearsal'>, 'type'>;

/**
 * Votes and releases have HTTPS as a second way; the others concern the socket alone. A datagram that is to be passed on
 * is worth something at once or not at all, and the receiver needs its own link for it as well.
 */
export function outlivesSocket(asked: Asked): boolean {
  return asked.type === 'vote' || asked.type === 'release';
}

/** Whether this result can be the answer to that request at all. */
export function answers(asked: Asked, result: WitnessResult): boolean {
  switch (asked.type) {
    case 'hello':
      return result.kind === 'welcome' || result.kind === 'protocol_refused';
    case 'rehearsal':
      return result.kind === 'rehearsed' || result.kind === 'refused';
    case 'release':
      return (result.kind === 'released' || result.kind === 'refused') && result.group === asked.group;
    case 'relay':
      return result.kind === 'relayed' || result.kind === 'relay_refused';
    case 'report':
      return result.kind === 'reported' || result.kind === 'report_refused';
    case 'vote':
      if (result.kind === 'refused') return result.group === asked.group;
      return result.kind === 'granted' && result.group === asked.group && sameBallot(result.ballot, asked.ballot);
  }
}

/** @param groups all that this node takes part in; hello names them */
export function buildRequest(asked: Asked, envelope: Envelope, groups: () => readonly KnownGroup[]): WitnessRequest {
  switch (asked.type) {
    case 'hello': {
      const named = groups().map(({ group, configHash }) => ({ group, config_hash: configHash }));
      return { type: 'hello', protocols: [...WITNESS_PROTOCOLS], groups: named, ...envelope };
    }
    case 'rehearsal':
      return { type: 'rehearsal', ...envelope };
    case 'relay':
      return { type: 'relay', to: asked.to, datagram: asked.datagram, ...envelope };
    case 'report': {
      const { peers, groups: changed, decisions } = asked.report;
      return { type: 'report', peers: [...peers], groups: [...changed], decisions: [...decisions], ...envelope };
    }
    case 'release':
      return { type: 'release', group: asked.group, ballot: { ...asked.ballot }, ...envelope };
    case 'vote':
      return {
        type: 'vote',
        group: asked.group,
        ballot: { ...asked.ballot },
        promise_ms: asked.promiseMs,
        config_hash: asked.configHash,
        ...envelope,
      };
  }
}
