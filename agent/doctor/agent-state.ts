import type { GroupStatus, Status } from '../api/index.ts';

/** Whether an agent runs here, as its local API says. `unclear`: something is there, and does not answer as it should. */
export type AgentState =
  | { readonly kind: 'running'; readonly status: Status }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unclear'; readonly why: string };

/** What the running agent says of one group; undefined: no agent runs, or it does not have that group. */
export function groupStatusOf(agent: AgentState, group: string): GroupStatus | undefined {
  return agent.kind === 'running' ? agent.status.groups.find(({ name }) => name === group) : undefined;
}
