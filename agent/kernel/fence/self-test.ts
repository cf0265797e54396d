import { STEP_MS, selfTestLifetimeMs, sentinelMs } from './arithmetic.ts';
import type { LeaseChannel } from './lease-channel.ts';
import { type LeaseAct, SELF_TEST_GROUP } from './lease-packet.ts';

// A busy machine may be too slow for a sentinel of three ticks; a kernel that does not enforce fails every time.
const ATTEMPTS = 5;

type TestedChannel = Pick<LeaseChannel, 'fateOf' | 'nextNonce' | 'perform'>;

const NOTHING_CAME_BACK =
  'a lease packet to 127.0.0.1:3113 did not come back (is lo up? does another rule drop UDP on lo?)';

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
  const wrongIfTaken = (nonce: number, act: LeaseAct, text: string) => {
    switch (channel.fateOf(SELF_TEST_GROUP, nonce, act, waitMs)) {
      case 'refused':
        return undefined;
      case 'taken':
        return text;
      case 'unknown':
        return NOTHING_CAME_BACK;
    }
  };
  const arm = () => {
    const nonce = channel.nextNonce();
    return { nonce, armed: takes(nonce, { kind: 'arm' }) };
  };

  const first = arm();
  if (!first.armed) return NOTHING_CAME_BACK;
  if (!takes(first.nonce, open)) return 'OPEN did not take effect';
  const second = arm();
  if (!second.armed || !takes(second.nonce, refresh)) return 'REFRESH did not take effect';
  const unarmed =
    wrongIfTaken(second.nonce, refresh, 'a sentinel could be used twice') ??
    wrongIfTaken(channel.nextNonce(), open, 'OPEN took effect without a sentinel');
  if (unarmed !== undefined) return unarmed;

  const late = arm();
  sleepMs(waitMs + tickMs);
  const outlived = late.armed ? wrongIfTaken(late.nonce, open, 'a sentinel outlived its time') : undefined;
  if (outlived !== undefined) return outlived;

  sleepMs(lifetimeMs - waitMs + tickMs);
  const afterExpiry = arm();
  const expired = afterExpiry.armed
    ? wrongIfTaken(afterExpiry.nonce, refresh, 'an expired lease could be refreshed')
    : undefined;
  if (expired !== undefined) return expired;

  const again = arm();
  if (!again.armed || !takes(again.nonce, open)) return 'OPEN did not take effect after an expiry';
  if (!takes(channel.nextNonce(), { kind: 'close' })) return 'CLOSE did not take effect';
  const afterClose = arm();
  if (!afterClose.armed) return 'ARM did not take effect after CLOSE';
  return wrongIfTaken(afterClose.nonce, refresh, 'a closed lease could be refreshed');
}

function sleepMs(durationMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
}
