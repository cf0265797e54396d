import type { Config } from '../config/index.ts';
import type { Handover } from '../guardian/index.ts';
import type { FenceOptions } from '../kernel/fence/index.ts';
import type { LeaseGroup } from './lease-group.ts';
import type { Sideband } from './sideband.ts';

/** What the guardian needs to know at this moment, should this process die. */
export function handoverOf(engine: {
  readonly config: Config;
  readonly inForce: string | null;
  readonly incarnation: number;
  readonly bootId: string;
  readonly fence: { readonly secret: Uint8Array; readonly options: FenceOptions } | undefined;
  readonly groups: readonly LeaseGroup[];
  readonly sideband: Sideband;
  readonly stuckAfterMs: number;
}): Handover {
  const { config, inForce, incarnation, bootId, fence, groups, sideband, stuckAfterMs } = engine;
  return {
    type: 'handover',
    node: config.node,
    incarnation,
    bootId,
    runDir: config.runDir,
    stateDir: config.stateDir,
    fence: fence ?? null,
    groups: groups.map(({ config: { id, name }, state: { change, config: member } }) => ({
      id,
      name,
      configHash: member.configHash,
      change,
    })),
    links: sideband.guarded(),
    stuckAfterMs,
    inForce,
    addresses: config.groups.flatMap(({ mode, virtualRouters }) =>
      // With priority 255 plain VRRP serves an address that is the host's own (RFC 9568 section 6.1): it stays.
      virtualRouters.flatMap(({ family, addresses, priority }) =>
        (mode === 'vrrp' && priority === 255 ? [] : addresses).map(({ interface: name, address, prefixLength }) => ({
          interface: name,
          family,
          address,
          prefixLength,
        })),
      ),
    ),
  };
}
