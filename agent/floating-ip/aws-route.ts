import { z } from 'zod';
import type { OpenEc2 } from './aws.ts';
import { setOf } from './ec2.ts';
import { type FloatingIpProvider, lasting } from './provider.ts';

const Route = z.object({
  destinationCidrBlock: z.string().optional(),
  destinationIpv6CidrBlock: z.string().optional(),
  networkInterfaceId: z.string().optional(),
  instanceId: z.string().optional(),
  gatewayId: z.string().optional(),
});
const RouteTables = z.object({
  routeTableSet: setOf(z.object({ routeTableId: z.string(), routeSet: setOf(Route) })),
});
const Done = z.object({ return: z.literal('true').optional() });

/** A route to `destination` in each of the tables, which leads to this instance's network interface. */
export function route(tables: readonly string[], destination: string, open: OpenEc2): FloatingIpProvider {
  /** Those whose route leads elsewhere, by the last look. */
  let strayed: readonly string[] = tables;
  return {
    async look(call) {
      const ec2 = await open(call);
      if (ec2.kind === 'failed') return ec2;
      const wanted = Object.fromEntries(tables.map((id, index) => [`RouteTableId.${index + 1}`, id]));
      const read = await ec2.ask('DescribeRouteTables', wanted, RouteTables);
      if ('kind' in read) return read;
      const routes = tables.map((table) => ({
        table,
        to: read.value.routeTableSet
          .find(({ routeTableId }) => routeTableId === table)
          ?.routeSet.find((entry) => (entry.destinationCidrBlock ?? entry.destinationIpv6CidrBlock) === destination),
      }));
      const missing = routes.flatMap(({ table, to }) => (to === undefined ? [table] : []));
      if (missing.length > 0) {
        return lasting(`${missing.join(', ')} has no route to ${destination}: add it once, to either node's interface`);
      }
      const astray = routes.filter(({ to }) => to?.networkInterfaceId !== ec2.networkInterface);
      strayed = astray.map(({ table }) => table);
      if (astray.length === 0) return { kind: 'mine' };
      const holders = astray.flatMap(({ to }) => to?.instanceId ?? to?.networkInterfaceId ?? to?.gatewayId ?? []);
      return { kind: 'elsewhere', holder: [...new Set(holders)].join(', ') || null };
    },
    async assign(call) {
      const ec2 = await open(call);
      if (ec2.kind === 'failed') return ec2;
      const key = destination.includes(':') ? 'DestinationIpv6CidrBlock' : 'DestinationCidrBlock';
      for (const table of strayed) {
        const parameters = { RouteTableId: table, [key]: destination, NetworkInterfaceId: ec2.networkInterface };
        const answer = await ec2.ask('ReplaceRoute', parameters, Done);
        if ('kind' in answer) return answer;
      }
      return { kind: 'assigned' };
    },
  };
}
