import { formatBallot } from '@tiebreak/shared/lease';
import type { ClusterOccurrence } from '@tiebreak/shared/wire';
import { seconds } from './pages/words.ts';

type Vote = Extract<ClusterOccurrence, { kind: 'vote' }>;

const REFUSED: Readonly<Record<NonNullable<Vote['reason']>, string>> = {
  bound: 'it was bound',
  lower_ballot: 'a higher ballot had been granted before',
  stale: 'the request was too old',
  recovering: 'the witness could not know yet what it had promised before',
  config_mismatch: 'the nodes are configured differently',
  unknown_node: 'the ballot names another node than the one that asked',
  too_many_groups: 'the cluster has as many groups as it can have',
};

/** An event in a person's words. */
export function textOf(event: ClusterOccurrence): string {
  switch (event.kind) {
    case 'vote':
      return voteText(event);
    case 'decision':
      return `${event.node} decided: ${event.decision.text}`;
    case 'owner': {
      const { group, from, to, ballot } = event;
      if (to === null) return `${group}: nobody owns it; ${from ?? 'nobody'} has given it up`;
      const since = from === null ? '' : `, before it ${from}`;
      return `${group}: ${to} owns it (ballot ${formatBallot(ballot)})${since}`;
    }
    case 'protection': {
      const { group, node, reason } = event;
      if (event.protected) return `${group}: protected again, says ${node}`;
      return `${group}: unprotected, says ${node}${reason === null ? '' : `: ${reason}`}`;
    }
    case 'node':
      return event.state === 'lost'
        ? `${event.node} is lost: the witness hears it no longer`
        : `${event.node} is heard`;
    case 'hearing':
      return event.state === 'silent'
        ? `${event.node} does not hear ${event.peer}`
        : `${event.node} hears ${event.peer} again`;
    case 'recovery':
      return event.state === 'started'
        ? 'the witness cannot know what it promised before, and gives its vote to nobody for now'
        : 'the witness gives its vote again';
    case 'health': {
      const { group, node, check, healthy, detail, monitor } = event;
      const state = healthy ? 'well' : 'failed';
      return `${group}: ${monitor} reports ${check} of ${node} as ${state}${detail === '' ? '' : `: ${detail}`}`;
    }
    case 'credential':
      return `the credential of ${event.node} was ${event.action}`;
  }
}

function voteText({
  group,
  node,
  ballot,
  outcome,
  reason,
  promise_ms,
  holder_before,
  remaining_ms_before,
}: Vote): string {
  const bound =
    holder_before === null ? 'it was free' : `${holder_before} had it for ${seconds(remaining_ms_before)} more`;
  switch (outcome) {
    case 'granted':
      return `${group}: the witness votes for ${node}, ballot ${formatBallot(ballot)}, for ${seconds(promise_ms ?? 0)} (${bound})`;
    case 'refused':
      return `${group}: the witness refuses ${node} its vote, ballot ${formatBallot(ballot)}: ${reason === null ? '' : REFUSED[reason]} (${bound})`;
    case 'released':
      return `${group}: ${node} gives the vote of the witness back`;
    case 'ended':
      return `${group}: the vote of the witness for ${node} has ended`;
  }
}
