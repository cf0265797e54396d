export type { FenceConfig, FencedGroup, FencedRouter, SidebandPort } from './config.ts';
export type { Fence, FenceAct, FenceClose, HeldRefresh, HoldingFence } from './fence.ts';
export { type FarSender, type HopLimitDrops, openHopLimitDrops } from './hop-limit-drops.ts';
export { type FenceOptions, installFence, type NoFence, replaceFence } from './install.ts';
export { GROUP_ID_MAX, HELD_PER_PACKET } from './lease-packet.ts';
export { probeFenceLevel } from './probe.ts';
export type { FenceLevel } from './tables.ts';
