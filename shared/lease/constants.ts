/** The longest promise that any agent ever makes, in ms. A restarted agent waits this long before it acks or stands (L9). */
export const PROMISE_MAX_MS = 10_000;

/** The longest promise that the witness ever makes, in ms; a new instance that finds a held vote waits this long (L12). */
export const TTL_MAX_MS = 10_000;

/** The promise that an agent asks of the witness, in ms. */
export const WITNESS_PROMISE_MS = 5_000;

/** How far a request to the witness may have aged on its way, in ms (L13). */
export const FRESH_MS = 2_000;

/** The part of a promise in which its receiver believes (L2); chrony alone may slew a clock by 8 %. */
export const KAPPA = 0.75;

/** An agent's promise in advertisement intervals, without skew: it has always run out when the down timer fires. */
export const PROMISE_INTERVALS = 2.5;
