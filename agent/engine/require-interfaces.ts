import type { GroupConfig } from '../config/index.ts';
import type { Link } from '../kernel/index.ts';
import { StartFailure } from './start-failure.ts';

/** Throws StartFailure if a virtual router's interface is not there. */
export function requireInterfaces(groups: readonly GroupConfig[], links: readonly Link[]): void {
  for (const group of groups) {
    for (const { interface: name } of group.virtualRouters) {
      if (links.some((link) => link.name === name)) continue;
      const there = links.filter(({ loopback }) => !loopback).map((link) => link.name);
      const has = there.join(', ') || 'none but lo';
      throw new StartFailure(`group ${group.name}: there is no interface ${name}; this host has ${has}`);
    }
  }
}
