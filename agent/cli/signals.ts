import { isReloadOrder, isStopOrder } from '../guardian/handover.ts';
import type { Logger } from '../log/index.ts';
import { endAtOnce } from './end-at-once.ts';

type StopHandler = (signal: string) => Promise<void>;

/**
 * From now on the first SIGTERM or SIGINT stops the agent in order, also if it comes while the agent still starts; the
 * second ends the process at once, and leaves the addresses to the fence. While a guardian lives the signals are its own:
 * a terminal or a service manager sends them to every process, and the guardian passes each on once. SIGHUP reloads; one
 * that comes before the agent runs is answered then.
 */
export function catchSignals(log: Logger): {
  onFirst: (handler: StopHandler) => void;
  onReload: (handler: () => Promise<void>) => void;
} {
  let received: string | undefined;
  let handler: StopHandler | undefined;
  let reload: (() => Promise<void>) | undefined;
  let toReload = false;
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
  const takeReload = (): void => {
    toReload = reload === undefined;
    reload?.().catch((error: unknown) => {
      log.fatal({ err: error }, 'a bug: ending at once; the fence closes by itself');
      endAtOnce();
    });
  };
  process.on('SIGHUP', () => {
    if (!process.connected) takeReload();
  });
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      if (!process.connected) take(signal);
    });
  }
  if (process.connected) {
    process.on('message', (message) => {
      if (isStopOrder(message)) take(message.signal);
      if (isReloadOrder(message)) takeReload();
    });
  }
  return {
    onFirst: (given) => {
      handler = given;
      if (received !== undefined) stop(received);
    },
    onReload: (given) => {
      reload = given;
      if (toReload) takeReload();
    },
  };
}
