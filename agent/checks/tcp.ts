import { connect } from 'node:net';
import type { ProbedCheckConfig } from '../config/index.ts';
import { failureText } from '../failure-text.ts';
import type { HealthSaid } from './check-view.ts';
import { failed, timedOut } from './outcome.ts';

type TcpCheck = Extract<ProbedCheckConfig, { kind: 'tcp' }>;

/** Healthy if a connection is accepted; it is closed at once. */
export function probeTcp({ host, port, timeoutMs }: TcpCheck, running: AbortSignal): Promise<HealthSaid> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (said: HealthSaid): void => {
      clearTimeout(timer);
      running.removeEventListener('abort', stop);
      socket.destroy();
      resolve(said);
    };
    const stop = (): void => end(failed('the agent stops'));
    const timer = setTimeout(() => end(timedOut(timeoutMs)), timeoutMs);
    running.addEventListener('abort', stop);
    socket.once('connect', () => end({ healthy: true, detail: `connected to ${host} port ${port}` }));
    socket.once('error', (error) => end(failed(`${host} port ${port}: ${failureText(error)}`)));
  });
}
