import { boundTo, type MemberState } from '@tiebreak/shared/lease';

/** Whether there was anything to force, and what has become of it, for the operator who asked. */
export type Forced = { readonly forced: boolean; readonly text: string };

const no = (text: string): Forced => ({ forced: false, text });
const yes = (text: string): Forced => ({ forced: true, text });

/** `before` and `after`: the state around the step that was to force a takeover. */
export function tellForcedTakeover(before: MemberState, after: MemberState, nowUs: number): Forced {
  const { config, kept, role, register } = before;
  const { node, group } = config;
  switch (role.name) {
    case 'active':
      return no(`${node} owns ${group} already`);
    case 'candidate':
      return no(`${node} stands for ${group} already and asks the other voters: its own vote is free`);
    case 'closing':
      return no(`${node} is giving ${group} up: try again when its fence is closed`);
    case 'leaving':
    case 'stopped':
      return no(`${node} is being stopped`);
    case 'initialize':
    case 'backup':
      break;
  }
  if (kept.written?.kind === 'departed') {
    const { holder } = kept.written;
    return no(`${node} has left its vote to ${holder} when it was stopped: 'tiebreak join --force' frees it from that`);
  }
  const holder = boundTo(register, nowUs)?.holder;
  const freed = holder === undefined ? `no vote bound ${node}` : `${node}'s vote, promised to ${holder}, is free`;
  switch (after.role.name) {
    case 'candidate':
      return yes(`${freed}: it stands for ${group} and asks the other voters`);
    case 'active':
      return yes(`${freed}: it owns ${group}`);
    case 'initialize':
    case 'backup':
    case 'closing':
    case 'leaving':
    case 'stopped': {
      const { unfit } = after.fitness;
      const why = unfit === undefined ? 'see its log' : `${unfit.replaceAll('_', ' ')}; see its status`;
      return no(`${node} could not stand for ${group}: ${why}`);
    }
  }
}

/** `before` and `after`: the state around the step that was to free this node from its departure. */
export function tellForcedJoin(before: MemberState, after: MemberState): Forced {
  const { config, kept, role } = before;
  const { node, group } = config;
  if (kept.written?.kind !== 'departed') return no(`${node} has not left its vote of ${group} to anyone`);
  if (role.name === 'leaving' || role.name === 'stopped') return no(`${node} is being stopped`);
  const { holder } = kept.written;
  if (after.kept.written !== undefined) return no(`${node}'s vote of ${group} is still left to ${holder}: see its log`);
  return yes(`${node}'s vote of ${group}, left to ${holder} when it was stopped, is its own again`);
}
