import type { FloatingIpConfig, FloatingIpCredential } from '../config/index.ts';
import type { Patience } from './action.ts';
import type { ApiClient } from './api-client.ts';
import { aws } from './aws.ts';
import { digitalOcean } from './digitalocean.ts';
import { hetzner } from './hetzner.ts';
import type { FloatingIpProvider } from './provider.ts';

/**
 * The provider that `config` names. Throws if `token` is of another kind than it takes: that is a bug, since the
 * configuration's secrets are read by kind.
 */
export function openProvider(
  config: FloatingIpConfig,
  token: FloatingIpCredential | null,
  client: ApiClient,
  patience?: Patience,
): FloatingIpProvider {
  switch (config.provider) {
    case 'digitalocean':
      return digitalOcean(config, wordOf(token), client, patience);
    case 'hetzner':
      return hetzner(config, wordOf(token), client, patience);
    case 'aws':
      if (token !== null && token.kind !== 'aws') throw new Error('aws takes keys, not a token');
      return aws(config, token, client);
  }
}

function wordOf(token: FloatingIpCredential | null): string {
  if (token?.kind !== 'token') throw new Error('this provider takes a token');
  return token.token;
}
