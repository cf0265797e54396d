import { STEP_MS, selfTestLifetimeMs, sentinelMs } from './arithmetic.ts';
import type { LeaseChannel } from './lease-channel.ts';
import { type LeaseAct, SELF_TEST_GROUP } from './lease-packet.ts';

// A busy machine may be too slow for a sentinel of three ticks; a kernel that does not enforce fails every time.
const ATTEMPTS = 5;

type TestedChannel = Pick<LeaseChannel, 'isRefused' | 'nextNonce' | 'perform'>;

/**
 * Proves on this kernel, with a group that has no addresses, that lease packets take effect and that those which must
 * not are refused. Blocks for about 0.05 s. Undefined if all is well, else what went wrong.
 */
export function selfTest(channel: TestedChannel, kernelTickUs: number): string | undefined {
  let failure: string | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    failure = attemptSelfTest(channel, kernelTickUs);
    if (failure === undefined) return undefined;
  }
  return failure;
}

function attemptSelfTest(channel: TestedChannel, kernelTickUs: number): string | undefined {
  const lifetimeMs = selfTestLifetimeMs(kernelTickUs);
  const waitMs = sentinelMs(0, kernelTickUs);
  const tickMs = Math.ceil(kernelTickUs / 1000);
  const step = lifetimeMs / STEP_MS;
  const open: LeaseAct = { kind: 'open', step };
  const refresh: LeaseAct = { kind: 'refresh', step };

  const takes = (nonce: number, act: LeaseAct) => channel.perform(SELF_TEST_GROUP, nonce, act, waitMs).returned;
  const refuses = (nonce: number, act: LeaseAct) => channel.isRefused(SELF_TEST_GROUP, nonce, act, waitMs);
  const arm = () => {
    const nonce = channel.nextNonce();
    return { nonce, armed: takes(nonce, { kind: 'arm' }) };
  };

  const first = arm();
  if (!first.armed) {
    return 'a lease packet to 127.0.0.1:3113 did not come back (is lo up? does another rule drop UDP on lo?)';
  }
  if (!takes(first.nonce, open)) return 'OPEN did not take effect';
  const second = arm();
  if (!second.armed || !takes(second.nonce, refresh)) return 'REFRESH did not take effect';
  if (!refuses(second.nonce, refresh)) return 'a sentinel could be used twice';
  if (!refuses(channel.nextNonce(), open)) return 'OPEN took effect without a sentinel';

  const late = arm();
  sleepMs(waitMs + tickMs);
  if (late.armed && !refuses(late.nonce, open)) return 'a sentinel outlived its time';

  sleepMs(lifetimeMs - waitMs + tickMs);
  const afterExpiry = arm();
  if (afterExpiry.armed && !refuses(afterExpiry.nonce, refresh)) return 'an expired lease could be refreshed';

  const again = arm();
  if (!again.armed || !takes(again.nonce, open)) return 'OPEN did not take effect after an expiry';
  if (!takes(channel.nextNonce(), { kind: 'close' })) return 'CLOSE did not take effect';
  const afterClose = arm();
  if (!afterClose.armed) return 'ARM did not take effect after CLOSE';
  return refuses(afterClose.nonce, refresh) ? undefined : 'a closed lease could be refreshed';
}

function sleepMs(durationMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
}
