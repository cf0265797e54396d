import { isDeepStrictEqual } from 'node:util';
import type { RouteConfig } from '../config/index.ts';
import type { Link, RouteSpecification, Rtnetlink } from '../kernel/index.ts';
import { bytesOf } from './address-bytes.ts';
import type { RateLimitedLog } from './rate-limited-log.ts';

/**
 * A virtual router's routes in the kernel: there while this node owns, absent else. Each is asked for by itself, never the
 * whole table, which may have a million rows.
 */
export class KeptRoutes {
  #routes: readonly RouteConfig[];
  readonly #rtnetlink: Pick<Rtnetlink, 'addRoute' | 'removeRoute'>;
  readonly #complaints: RateLimitedLog;
  #indices: ReadonlyMap<string, number>;
  #wanted = false;
  readonly #added = new Set<RouteConfig>();
  readonly #faults = new Map<RouteConfig, string>();

  constructor(options: {
    routes: readonly RouteConfig[];
    links: readonly Link[];
    rtnetlink: Pick<Rtnetlink, 'addRoute' | 'removeRoute'>;
    complaints: RateLimitedLog;
  }) {
    this.#routes = options.routes;
    this.#rtnetlink = options.rtnetlink;
    this.#complaints = options.complaints;
    this.#indices = indicesOf(options.links);
  }

  /** What keeps a route from being where it belongs, for a person. */
  get faults(): string[] {
    return [...this.#faults.values()];
  }

  /** The addresses are there: a route may name one as its source. */
  add(): void {
    this.#wanted = true;
    for (const route of this.#routes) this.#add(route);
  }

  /** Before the addresses go, with which the kernel would remove some of them. */
  remove(): void {
    this.#wanted = false;
    for (const route of this.#routes) this.#remove(route);
  }

  /** Takes away those that are not among `routes`; before addresses go, as `remove`. */
  withdraw(routes: readonly RouteConfig[]): void {
    for (const route of this.#routes) {
      if (routes.some((other) => isDeepStrictEqual(route, other))) continue;
      if (this.#wanted) this.#remove(route);
      this.#faults.delete(route);
    }
  }

  /** After `withdraw`: from now on these belong here. */
  change(routes: readonly RouteConfig[]): void {
    const before = this.#routes;
    // What goes on does so as the object by which it is known.
    this.#routes = routes.map((route) => before.find((other) => isDeepStrictEqual(route, other)) ?? route);
    if (!this.#wanted) return;
    for (const route of this.#routes) if (!before.includes(route)) this.#add(route);
  }

  /** An interface that has gone and come again has another index, and no routes. */
  linksChanged(links: readonly Link[]): void {
    const before = this.#indices;
    this.#indices = indicesOf(links);
    if (this.#routes.some((route) => before.get(route.interface) !== this.#indices.get(route.interface)))
      this.reconcile();
  }

  /** Puts back what is missing, and takes away what does not belong here. */
  reconcile(): void {
    for (const route of this.#routes) {
      if (this.#wanted) this.#putBack(route);
      else this.#takeAway(route);
    }
  }

  #add(route: RouteConfig): void {
    const specification = this.#specification(route);
    if (specification === undefined) {
      this.#fault(route, `there is no interface ${route.interface}`);
      return;
    }
    let added = this.#rtnetlink.addRoute(specification);
    if (added.ok && added.value === 'already-there') {
      // Ours, from before, or somebody else's: only ours can be removed, since it bears our mark.
      const removed = this.#rtnetlink.removeRoute(specification);
      if (removed.ok && removed.value === 'done') added = this.#rtnetlink.addRoute(specification);
    }
    if (!added.ok) this.#fault(route, added.text);
    else if (added.value === 'already-there')
      this.#fault(route, 'another program has made a route to there; give this one another metric, or remove that one');
    else {
      this.#added.add(route);
      this.#faults.delete(route);
    }
  }

  #putBack(route: RouteConfig): void {
    if (!this.#added.has(route)) {
      this.#add(route);
      return;
    }
    const specification = this.#specification(route);
    const added = specification === undefined ? undefined : this.#rtnetlink.addRoute(specification);
    if (added === undefined) this.#fault(route, `there is no interface ${route.interface}`);
    else if (!added.ok) this.#fault(route, added.text);
    else this.#faults.delete(route);
    if (!added?.ok || added.value !== 'done') return;
    const text = `the route to ${textOf(route)} had gone, although this node owns: it is back`;
    this.#complaints.warn(`route ${textOf(route)} restored`, { route: textOf(route) }, text);
  }

  #remove(route: RouteConfig): void {
    this.#added.delete(route);
    const specification = this.#specification(route);
    if (specification === undefined) {
      this.#faults.delete(route);
      return;
    }
    const removed = this.#rtnetlink.removeRoute(specification);
    if (removed.ok) this.#faults.delete(route);
    else this.#fault(route, `it could not be removed: ${removed.text}`);
  }

  #takeAway(route: RouteConfig): void {
    const specification = this.#specification(route);
    if (specification === undefined) return;
    const removed = this.#rtnetlink.removeRoute(specification);
    if (!removed.ok) return;
    this.#faults.delete(route);
    if (removed.value !== 'done') return;
    const text = `removed the route to ${textOf(route)}: it was there although this node does not own`;
    this.#complaints.warn(`route ${textOf(route)} removed`, { route: textOf(route) }, text);
  }

  #fault(route: RouteConfig, why: string): void {
    const text = `the route to ${textOf(route)} is not as it should be: ${why}`;
    this.#faults.set(route, text);
    this.#complaints.error(`route ${textOf(route)}`, { route: textOf(route), interface: route.interface }, text);
  }

  #specification(route: RouteConfig): RouteSpecification | undefined {
    const { family, to, prefixLength, via, source, metric, table } = route;
    const interfaceIndex = this.#indices.get(route.interface);
    if (interfaceIndex === undefined) return undefined;
    return {
      family,
      to: bytesOf(to),
      prefixLength,
      interfaceIndex,
      ...(via === null ? {} : { via: bytesOf(via) }),
      ...(source === null ? {} : { source: bytesOf(source) }),
      ...(metric === null ? {} : { metric }),
      ...(table === null ? {} : { table }),
    };
  }
}

function indicesOf(links: readonly Link[]): ReadonlyMap<string, number> {
  return new Map(links.map(({ name, index }) => [name, index]));
}

function textOf({ to, prefixLength, table }: RouteConfig): string {
  return `${to}/${prefixLength}${table === null ? '' : ` in table ${table}`}`;
}
