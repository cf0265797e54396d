import { at, type Finding } from './finding.ts';
import type { Path } from './problem.ts';
import type { VirtualRouterAlone } from './schema.ts';
import type { Source } from './source.ts';

/** What the values of one route must be to each other. */
export function routeFindings({ routes }: VirtualRouterAlone, path: Path, source: Source): Finding[] {
  const seen = new Set<string>();
  return routes.flatMap((route, index) => {
    const here = [...path, 'routes', index];
    const found = (['via', 'source'] as const).flatMap((key) => {
      const address = route[key];
      if (address === undefined || address.includes(':') === (route.to.family === 'ipv6')) return [];
      const named = route.to.family === 'ipv6' ? 'an IPv6' : 'an IPv4';
      return [at(source.valueAt([...here, key]), [...here, key], `must be ${named} address, as the network is`)];
    });
    if (route.via === undefined && route.interface === undefined) {
      found.push(at(source.valueAt(here), here, 'needs via, or the interface that the network is on'));
    }
    const key = JSON.stringify([route.to.address, route.to.prefixLength, route.metric, route.table]);
    if (seen.has(key)) {
      found.push(at(source.valueAt(here), here, 'is there twice', 'give one of them another metric'));
    }
    seen.add(key);
    return found;
  });
}
