import { isStopOrder } from '../guardian/handover.ts';
import type { Logger } from '../log/index.ts';
import { endAtOnce } from './end-at-once.ts';

type StopHandler = (signal: string) => Promise<void>;

/**
 * From now on the first SIGTERM or SIGINT stops the agent in order, also if it comes while the agent still starts; the
 * second ends the process at once, and leaves the addresses to the fence. While a guardian lives the signals are its own:
 * a terminal or a service manager sends them to every process, and the guardian passes each on once.
 */
export function catchSignals(log: Logger): { onFirst: (handler: StopHandler) => void } {
  let received: string | undefined;
  let handler: StopHandler | undefined;
  const stop = (signal: string): void => {
    handler?.(signal).catch((error: unknown) => {
      log.fatal({ err: error }, 'stopping failed; the fence closes by itself');
      endAtOnce();
    });
  };
  const take = (signal: string): void => {
    if (received !== undefined) {
      log.warn(`${signal} again: ending at once; the fence closes by itself`);
      endAtOnce();
    }
    received = signal;
    log.info(`${signal}: stopping`);
    stop(signal);
  };
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      if (!process.connected) take(signal);
    });
  }
  if (process.connected) {
    process.on('message', (message) => {
      if (isStopOrder(message)) take(message.signal);
    });
  }
  return {
    onFirst: (given) => {
      handler = given;
      if (received !== undefined) stop(received);
    },
  };
}
