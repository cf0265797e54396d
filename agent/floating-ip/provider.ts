/** A cloud that routes one address to one of its servers at a time. */
export interface FloatingIpProvider {
  /** Where the address is now. Changes nothing; never rejects. */
  look(call: Call): Promise<Looked>;
  /**
   * Has the cloud route the address to this server, whoever has it, and waits until the cloud has done so. Asks once;
   * never rejects.
   */
  assign(call: Call): Promise<Assigned>;
}

/** What one look or assignment may do, and until when. */
export type Call = {
  /** Whether this node owns the group at this moment; asked right before each single request. */
  readonly allowed: () => boolean;
  /** Aborted once nobody waits for the result any more. */
  readonly signal: AbortSignal;
};

export type Looked =
  | { readonly kind: 'mine' }
  /** `holder` in the cloud's own words, such as `droplet 4711`; null: nobody has it. */
  | { readonly kind: 'elsewhere'; readonly holder: string | null }
  | Failure;

export type Assigned = { readonly kind: 'assigned' } | Failure;

export type Failure = {
  readonly kind: 'failed';
  /** False: somebody has to change something before it can succeed. */
  readonly retryable: boolean;
  /** For so long the cloud wants no other request; null: it has not said. */
  readonly afterMs: number | null;
  /** One line for a person: what is wrong and what to do. No secret. */
  readonly text: string;
};

/** It may be better the next time. */
export function passing(text: string, afterMs: number | null = null): Failure {
  return { kind: 'failed', retryable: true, afterMs, text };
}

/** It stays so until a person acts. */
export function lasting(text: string): Failure {
  return { kind: 'failed', retryable: false, afterMs: null, text };
}
