import { z } from 'zod';
import type { OpenEc2 } from './aws.ts';
import { setOf } from './ec2.ts';
import type { FloatingIpProvider } from './provider.ts';

const NetworkInterface = z.object({
  networkInterfaceId: z.string(),
  attachment: z.object({ instanceId: z.string().optional() }).optional(),
});
const NetworkInterfaces = z.object({ networkInterfaceSet: setOf(NetworkInterface) });
const Done = z.object({ return: z.literal('true').optional() });

/** A secondary private address, which moves between network interfaces of one subnet. */
export function networkInterfaceAddress(address: string, open: OpenEc2): FloatingIpProvider {
  return {
    async look(call) {
      const ec2 = await open(call);
      if (ec2.kind === 'failed') return ec2;
      const filter = { 'Filter.1.Name': 'addresses.private-ip-address', 'Filter.1.Value.1': address };
      const read = await ec2.ask('DescribeNetworkInterfaces', filter, NetworkInterfaces);
      if ('kind' in read) return read;
      // Another network of the account may have the same private address.
      const found = read.value.networkInterfaceSet;
      if (found.some(({ networkInterfaceId: id }) => id === ec2.networkInterface)) return { kind: 'mine' };
      const holders = found.map(({ attachment, networkInterfaceId: id }) => attachment?.instanceId ?? id);
      return { kind: 'elsewhere', holder: holders.length === 0 ? null : holders.join(', ') };
    },
    async assign(call) {
      const ec2 = await open(call);
      if (ec2.kind === 'failed') return ec2;
      const parameters = {
        NetworkInterfaceId: ec2.networkInterface,
        'PrivateIpAddress.1': address,
        AllowReassignment: 'true',
      };
      const answer = await ec2.ask('AssignPrivateIpAddresses', parameters, Done);
      return 'kind' in answer ? answer : { kind: 'assigned' };
    },
  };
}
