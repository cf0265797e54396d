import { STEP_MS, selfTestLifetimeMs, sentinelMs } from './arithmetic.ts';
import type { LeaseChannel } from './lease-channel.ts';
import { type LeaseAct, SELF_TEST_GROUP } from './lease-packet.ts';

// A busy machine may be too slow for a sentinel of three ticks; a kernel that does not enforce fails every time.
const ATTEMPTS = 5;

/** Nothing has to come back in time for what is sent behind: a busy ksoftirqd may have it. */
const BEHIND_WAIT_MS = 20;
/** What the kernel may take longer than a lifetime: it counts in ticks, which may come late. */
const EXPIRY_TICKS = 3;

const ARM: LeaseAct = { kind: 'arm' };
const CLOSE: LeaseAct = { kind: 'close' };

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
  const wrongIfTaken = (text: string, nonce: number, act: LeaseAct, behind?: LeaseAct) => {
    const last = behind === undefined ? { nonce: channel.nextNonce(), act: ARM } : { nonce, act: behind };
    switch (channel.fateOf(SELF_TEST_GROUP, { nonce, act }, last, BEHIND_WAIT_MS)) {
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
    return { nonce, armed: takes(nonce, ARM) };
  };

  const first = arm();
  if (!first.armed) return NOTHING_CAME_BACK;
  if (!takes(first.nonce, open)) return 'OPEN did not take effect';
  const second = arm();
  if (!second.armed || !takes(second.nonce, refresh)) return 'REFRESH did not take effect';
  const unarmed =
    wrongIfTaken('a sentinel could be used twice', second.nonce, refresh) ??
    wrongIfTaken('OPEN took effect without a sentinel', channel.nextNonce(), open);
  if (unarmed !== undefined) return unarmed;

  const late = arm();
  if (!late.armed) return NOTHING_CAME_BACK;
  sleepMs(waitMs + tickMs);
  const outlived = wrongIfTaken('a sentinel outlived its time', late.nonce, open);
  if (outlived !== undefined) return outlived;

  // The OPEN behind the REFRESH proves that the sentinel was there: what refused was the lease.
  sleepMs(lifetimeMs - waitMs + EXPIRY_TICKS * tickMs);
  const afterExpiry = arm();
  if (!afterExpiry.armed) return NOTHING_CAME_BACK;
  const expired = wrongIfTaken('an expired lease could be refreshed', afterExpiry.nonce, refresh, open);
  if (expired !== undefined) return expired;

  if (!takes(channel.nextNonce(), CLOSE)) return 'CLOSE did not take effect';
  const afterClose = arm();
  if (!afterClose.armed) return 'ARM did not take effect after CLOSE';
  const closed = wrongIfTaken('a closed lease could be refreshed', afterClose.nonce, refresh, open);
  if (closed !== undefined) return closed;
  return takes(channel.nextNonce(), CLOSE) ? undefined : 'CLOSE did not take effect';
}

function sleepMs(durationMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
}
