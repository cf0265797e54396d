import type { ChildProcess } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import { type Handover, isHandover, isProgress } from './handover.ts';
import { LOOK_EVERY_MS, Silence } from './silence.ts';

/** The kernel ends a process within moments, unless one of its threads is in a call that nothing interrupts. */
const KILLED_WITHIN_MS = 1_000;

export type EngineEnd = {
  readonly code: number | null;
  readonly signal: string | null;
  readonly handover: Handover | undefined;
  /** It was alive and made no progress for so long, in ms, so the guardian ended it. */
  readonly stuckForMs: number | undefined;
};

/**
 * Watches the engine until it has ended, and ends one that makes no progress. Once killed it runs no more of its program, so
 * that what a dead file system keeps of it is not waited for.
 */
export function endOfEngine(
  engine: Pick<EventEmitter, 'on' | 'once'> & Pick<ChildProcess, 'kill'>,
  onFirstHandover: (handover: Handover) => void,
): Promise<EngineEnd> {
  let handover: Handover | undefined;
  let silence: Silence | undefined;
  let stuckForMs: number | undefined;
  let tooLong: NodeJS.Timeout | undefined;
  const { promise, resolve } = Promise.withResolvers<EngineEnd>();
  const end = (code: number | null, signal: string | null): void => {
    clearInterval(look);
    clearTimeout(tooLong);
    resolve({ code, signal, handover, stuckForMs });
  };
  engine.on('message', (message) => {
    if (isProgress(message)) silence?.end();
    if (!isHandover(message)) return;
    if (handover === undefined) onFirstHandover(message);
    handover = message;
    silence ??= new Silence(performance.now());
  });
  const look = setInterval(() => {
    const lengthMs = silence?.look(performance.now()) ?? 0;
    if (handover === undefined || lengthMs < handover.stuckAfterMs || stuckForMs !== undefined) return;
    stuckForMs = lengthMs;
    engine.kill('SIGKILL');
    tooLong = setTimeout(() => end(null, 'SIGKILL'), KILLED_WITHIN_MS);
  }, LOOK_EVERY_MS);
  engine.once('exit', end);
  engine.once('error', () => end(1, null));
  return promise;
}
