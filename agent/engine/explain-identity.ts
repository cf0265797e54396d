/** In a person's words: how a group goes over to another witness or policy (L16). */
import { identityChangeWaitsFor, type MemberState } from '@tiebreak/shared/lease';
import type { Told } from './explain.ts';

/** The log line of a step on the way. */
export function explainIdentity(before: MemberState, after: MemberState): Told[] {
  const { group } = after.config;
  const [was, is] = [before.change?.stage, after.change?.stage];
  const info = (text: string): Told[] => [{ level: 'info', fields: { group }, text: `${group}: ${text}` }];
  if (is === was) return [];
  if (is === 'announced') return info('goes over to another witness or policy once every peer has been reloaded too');
  if (is === 'joint') return info('every node has been reloaded: the nodes alone vote until all of them know that');
  if (is !== undefined) return [];
  return info(was === 'joint' ? 'goes by the new witness and policy' : 'stays with the witness and policy that it has');
}

/** Why the status is not what one would expect, as far as that explains it. */
export function identityReasons(state: MemberState, nowUs: number): string[] {
  if (state.change === undefined) return [];
  const peers = identityChangeWaitsFor(state, nowUs).join(' and ');
  if (state.change.stage === 'joint') {
    return [`goes over to another witness or policy: the witness has no vote until ${peers} is heard`];
  }
  if (peers === '') return ['goes over to another witness or policy'];
  return [`goes by the witness and policy of before until ${peers} has been reloaded too, and is heard`];
}
