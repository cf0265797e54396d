import { changeFitness } from './fitness.ts';
import { configure } from './identity-change.ts';
import type { Fitness, MemberConfig } from './member.types.ts';
import { downUs, type Turn } from './turn.ts';

/**
 * The node goes on with another configuration, but for its identity, which it announces first (L16): all that was promised
 * binds on, for no promise is ever shortened (L1), and an owner goes on owning. Throws if it is another node's or group's: a
 * caller's bug.
 */
export function takeConfig(turn: Turn, config: MemberConfig, fitness: Fitness): void {
  const former = turn.config;
  if (config.node !== former.node || config.group !== former.group) {
    throw new Error(`group ${former.group} cannot become another one`);
  }
  configure(turn, config);
  changeFitness(turn, fitness);
  const { role, nowUs } = turn;
  if (role.name === 'backup') {
    turn.role = { ...role, standAtUs: Math.min(role.standAtUs, nowUs + downUs(turn)) };
    return;
  }
  if (role.name !== 'active') return;
  turn.role = { ...role, advertiseAtUs: Math.min(role.advertiseAtUs, nowUs + config.intervalUs) };
  turn.effects.push({ type: 'send-heartbeat' });
}
