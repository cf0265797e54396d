import type { ServeOrders } from './serve.ts';

/** SIGTERM and SIGINT end the witness, SIGHUP has it read its files anew. */
export function ordersBySignal(): ServeOrders {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  let asked = false;
  let wake = (): void => {};
  process.on('SIGHUP', () => {
    asked = true;
    wake();
  });
  return {
    stop: stop.signal,
    async reload() {
      if (!asked)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      asked = false;
    },
  };
}
