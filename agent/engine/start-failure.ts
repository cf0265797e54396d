import type { SystemResult } from '../kernel/index.ts';

/** A start that went wrong for a reason that the operator can mend; `message` says what, where, and what to do. */
export class StartFailure extends Error {}

/** The value, or a StartFailure that says what was being done. */
export function valueOrFail<Value>(result: SystemResult<Value>, doing: string): Value {
  if (result.ok) return result.value;
  throw new StartFailure(`${doing}: ${result.text}`);
}
