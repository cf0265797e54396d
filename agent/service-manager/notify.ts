import { openUnixDatagram } from '../kernel/unix-datagram.ts';

/** The service manager that started this process or its parent: sd_notify(3), and its watchdog. */
export interface ServiceManager {
  /** Half of what the watchdog allows between two signs of life, in ms; undefined: it does not watch. */
  readonly feedWithinMs: number | undefined;
  /** `state`: lines of `NAME=VALUE`. What cannot be sent is lost: nothing here depends on it. */
  notify(...state: readonly string[]): void;
  close(): void;
}

export type ServiceManagerEnvironment = {
  readonly NOTIFY_SOCKET?: string | undefined;
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
};

/**
 * undefined: nobody has asked for news; a text: it cannot be told. `pids`: this process, and the guardian for which it
 * speaks: systemd watches the service's main process, and takes the word of any other (NotifyAccess=all).
 */
export function openServiceManager(
  environment: ServiceManagerEnvironment,
  pids: readonly number[],
): ServiceManager | string | undefined {
  const { NOTIFY_SOCKET: path } = environment;
  if (path === undefined || path === '') return undefined;
  if (!path.startsWith('/') && !path.startsWith('@')) return `NOTIFY_SOCKET=${path} is no Unix socket`;
  const opened = openUnixDatagram(path);
  if (!opened.ok) return `the service manager at ${path} cannot be told anything: ${opened.text}`;
  const socket = opened.value;
  return {
    feedWithinMs: feedWithinMs(environment, pids),
    notify: (...state) => {
      socket.send(new TextEncoder().encode(state.join('\n')));
    },
    close: () => socket.close(),
  };
}

/** What makes the service manager wait for up to `ms` more for what goes on now. */
export function extendingTimeout(ms: number): string {
  return `EXTEND_TIMEOUT_USEC=${ms * 1000}`;
}

function feedWithinMs(
  { WATCHDOG_USEC: usec, WATCHDOG_PID: pid }: ServiceManagerEnvironment,
  pids: readonly number[],
): number | undefined {
  const us = Number(usec);
  if (usec === undefined || !Number.isSafeInteger(us) || us <= 0) return undefined;
  if (pid !== undefined && !pids.includes(Number(pid))) return undefined;
  return us / 1000 / 2;
}
