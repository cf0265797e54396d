// What the tests use of the runtime's and the test runner's own modules.
declare module 'cloudflare:workers' {
  export const env: import('../../witness/env.ts').Env;
  export const exports: { readonly default: { fetch(url: string, init?: RequestInit): Promise<Response> } };
}

declare module 'cloudflare:test' {
  import type { DurableObjectState } from '@cloudflare/workers-types';

  type Stub = import('../../witness/cluster-api.ts').ClusterApi;

  export function runInDurableObject<R>(
    stub: Stub,
    callback: (
      instance: import('../../witness/cluster.ts').ClusterWitness,
      state: DurableObjectState,
    ) => R | Promise<R>,
  ): Promise<R>;
  export function runDurableObjectAlarm(stub: Stub): Promise<boolean>;
  export function evictDurableObject(stub: Stub, options?: { webSockets?: 'close' | 'hibernate' }): Promise<void>;
}
