// The runtime's own module, as far as the witness uses it. The package's global types would clash with Node's.
declare module 'cloudflare:workers' {
  import type { DurableObjectState } from '@cloudflare/workers-types';

  export abstract class DurableObject<Env = unknown> {
    protected readonly ctx: DurableObjectState;
    protected readonly env: Env;
    constructor(ctx: DurableObjectState, env: Env);
  }
}

declare const WebSocketPair: typeof import('@cloudflare/workers-types').WebSocketPair;
declare const WebSocketRequestResponsePair: typeof import('@cloudflare/workers-types').WebSocketRequestResponsePair;

// The package brings no types of its own: the path of the binary for this platform.
declare module 'workerd' {
  const workerd: { readonly default: string };
  export default workerd;
}
