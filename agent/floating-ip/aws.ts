import type { z } from 'zod';
import type { AwsFloatingIpConfig } from '../config/index.ts';
import type { ApiClient } from './api-client.ts';
import { elasticIp } from './aws-elastic-ip.ts';
import { networkInterfaceAddress } from './aws-network-interface.ts';
import { route } from './aws-route.ts';
import { askEc2, type Ec2Failure } from './ec2.ts';
import { type AwsKeys, type RoleKeys, readPlace, readRoleKeys } from './instance-metadata.ts';
import type { Call, Failure, FloatingIpProvider } from './provider.ts';

/** A role's keys are asked for anew when they are good for less than this. */
const ROLE_KEYS_RESERVE_MS = 300_000;

/** This instance's network interface, and EC2 as one asks it with this instance's keys. */
export type Ec2 = {
  readonly networkInterface: string;
  readonly ask: <T>(
    action: string,
    parameters: Readonly<Record<string, string>>,
    schema: z.ZodType<T>,
  ) => Promise<{ readonly ok: true; readonly value: T } | Failure>;
};

/** Says where this instance is before each look or assignment; asked of the metadata service once. */
export type OpenEc2 = (call: Call) => Promise<({ readonly kind: 'open' } & Ec2) | Failure>;

/** Addresses of EC2, by one of three ways of its network. */
export function aws(config: AwsFloatingIpConfig, keys: AwsKeys | null, client: ApiClient): FloatingIpProvider {
  const open = openEc2(config, keys, client);
  switch (config.kind) {
    case 'elastic_ip':
      return elasticIp(config.address, config.privateAddress, open);
    case 'eni':
      return networkInterfaceAddress(config.address, open);
    case 'route':
      return route(config.routeTables, config.destination, open);
  }
}

function openEc2(config: AwsFloatingIpConfig, fixed: AwsKeys | null, client: ApiClient): OpenEc2 {
  let place: { readonly region: string; readonly networkInterface: string } | undefined =
    config.region === null || config.networkInterface === null
      ? undefined
      : { region: config.region, networkInterface: config.networkInterface };
  let role: RoleKeys | undefined;

  const currentKeys = async (call: Call): Promise<AwsKeys | Failure> => {
    if (fixed !== null) return fixed;
    if (role !== undefined && role.expiresAtMs - Date.now() > ROLE_KEYS_RESERVE_MS) return role.keys;
    const read = await readRoleKeys(client, config.metadataUrl, call);
    if (read.kind === 'failed') return read;
    role = read;
    return read.keys;
  };

  return async (call) => {
    if (place === undefined) {
      const read = await readPlace(client, config.metadataUrl, call);
      if (read.kind === 'failed') {
        const advice = "or write region = '…' and network_interface = '…'";
        return { ...read, text: `${read.text}; ${advice}` };
      }
      place = {
        region: config.region ?? read.region,
        networkInterface: config.networkInterface ?? read.networkInterface,
      };
    }
    const { region, networkInterface } = place;
    return {
      kind: 'open',
      networkInterface,
      ask: async (action, parameters, schema) => {
        const keys = await currentKeys(call);
        if (keys.kind === 'failed') return keys;
        const endpoint = { region, url: config.url };
        const answer = await askEc2(client, endpoint, keys, action, parameters, schema, call);
        if (wereKeysRefused(answer)) role = undefined;
        return answer;
      },
    };
  };
}

function wereKeysRefused(answer: { readonly ok: true } | Ec2Failure): boolean {
  return 'kind' in answer && answer.keysRefused === true;
}
