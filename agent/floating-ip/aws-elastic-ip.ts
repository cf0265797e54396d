import { z } from 'zod';
import type { OpenEc2 } from './aws.ts';
import { setOf } from './ec2.ts';
import { type FloatingIpProvider, lasting, passing } from './provider.ts';

const Address = z.object({
  allocationId: z.string(),
  networkInterfaceId: z.string().optional(),
  instanceId: z.string().optional(),
  privateIpAddress: z.string().optional(),
});
const Addresses = z.object({ addressesSet: setOf(Address) });
const Done = z.object({ return: z.literal('true').optional() });

/** An Elastic IP address, associated with a private address of this instance's network interface. */
export function elasticIp(address: string, privateAddress: string | null, open: OpenEc2): FloatingIpProvider {
  let allocation: string | undefined;
  return {
    async look(call) {
      const ec2 = await open(call);
      if (ec2.kind === 'failed') return ec2;
      const read = await ec2.ask('DescribeAddresses', { 'PublicIp.1': address }, Addresses);
      if ('kind' in read) return read;
      const [found] = read.value.addressesSet;
      if (found === undefined) return lasting(`this account has no Elastic IP ${address} in this region`);
      allocation = found.allocationId;
      const here = found.networkInterfaceId === ec2.networkInterface;
      if (here && (privateAddress === null || found.privateIpAddress === privateAddress)) return { kind: 'mine' };
      const holder = here ? found.privateIpAddress : (found.instanceId ?? found.networkInterfaceId);
      return { kind: 'elsewhere', holder: holder ?? null };
    },
    async assign(call) {
      const ec2 = await open(call);
      if (ec2.kind === 'failed') return ec2;
      if (allocation === undefined) return passing(`the allocation ID of ${address} is not known`);
      const parameters = {
        AllocationId: allocation,
        NetworkInterfaceId: ec2.networkInterface,
        AllowReassociation: 'true',
        ...(privateAddress === null ? {} : { PrivateIpAddress: privateAddress }),
      };
      const answer = await ec2.ask('AssociateAddress', parameters, Done);
      return 'kind' in answer ? answer : { kind: 'assigned' };
    },
  };
}
