import { createHash } from 'node:crypto';
import type { LeaseGroupConfig } from './types.ts';

/**
 * 8 hex digits over what should be the same on every node of a group, and is not part of its identity (L16): the
 * addresses and how they are advertised. A difference is warned of; it costs no vote.
 */
export function settingsDigest({ virtualRouters, gateway }: LeaseGroupConfig): string {
  const routers = virtualRouters.map(({ virtualRouterId, version, advertisementIntervalUs, addresses }) => [
    virtualRouterId,
    version,
    advertisementIntervalUs,
    addresses.map(({ address, prefixLength, advertised }) => [address, prefixLength, advertised]),
  ]);
  // Each node may name its virtual routers in an order of its own.
  const canonical = routers.map((router) => JSON.stringify(router)).sort();
  return createHash('sha256')
    .update(JSON.stringify([gateway, canonical]))
    .digest('hex')
    .slice(0, 8);
}
