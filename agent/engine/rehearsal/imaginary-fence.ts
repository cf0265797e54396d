import type { Fence } from '../../kernel/fence/index.ts';
import type { RehearsedKernel } from './rehearsed-kernel.ts';

const FENCE_US = 1_500_000;

/** Opens whenever it is asked to, and with each opening the real one rehearses. */
export function imaginaryFence(nowUs: () => number, { fence }: RehearsedKernel): Fence {
  const act = (leaseEndUs: number) =>
    ({ confirmed: true, expiresAtUs: Math.min(nowUs() + FENCE_US, leaseEndUs) }) as const;
  return {
    level: 'full',
    open: (_id, leaseEndUs) => {
      fence.rehearse();
      return act(leaseEndUs);
    },
    refresh: (_id, leaseEndUs) => act(leaseEndUs),
    refreshTogether: () => new Map(),
    close: () => ({ confirmed: true, by: 'packet' }),
    openUntilUs: () => undefined,
    isIntact: () => true,
    rehearse: () => {},
    recreate: () => ({ ok: true }),
    addInterface: () => ({ ok: true }),
    change: () => ({ ok: true }),
    remove: () => ({ ok: true }),
  };
}
