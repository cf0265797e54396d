import { failureText } from '../failure-text.ts';
import { type Finding, warning } from './finding.ts';

/** A look at one thing: gathers facts, and judges them. */
export type Examination = {
  readonly topic: string;
  /** After that long it is given up, which is a finding too. */
  readonly withinMs: number;
  readonly examine: () => readonly Finding[] | Promise<readonly Finding[]>;
};

/** Never rejects: what could not be looked at is a warning with the reason. */
export async function perform({ topic, withinMs, examine }: Examination): Promise<readonly Finding[]> {
  const late = Promise.withResolvers<readonly Finding[]>();
  const timer = setTimeout(() => late.resolve([notLookedAt(topic, `no answer within ${withinMs / 1000} s`)]), withinMs);
  try {
    return await Promise.race([Promise.resolve().then(examine), late.promise]);
  } catch (error) {
    return [notLookedAt(topic, failureText(error))];
  } finally {
    clearTimeout(timer);
  }
}

export function notLookedAt(topic: string, why: string): Finding {
  const remedy = process.getuid?.() === 0 ? 'look at it by hand' : 'run the doctor as root';
  return warning(topic, `could not be looked at: ${why}`, remedy);
}

/** The value of what may fail; `perform` tells of the failure. */
export function valueOrThrow<T>(result: { ok: true; value: T } | { ok: false; text: string }): T {
  if (!result.ok) throw new Error(result.text);
  return result.value;
}
