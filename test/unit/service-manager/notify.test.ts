import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bind, close, recv, socket } from '../../../agent/kernel/libc.ts';
import { AF_UNIX, MSG_DONTWAIT, SOCK_DGRAM, sockaddrUnix } from '../../../agent/kernel/sockaddr.ts';
import { openServiceManager, type ServiceManager } from '../../../agent/service-manager/index.ts';

let folder: string;
let fd: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-notify-'));
  const opened = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (!opened.ok) throw new Error(opened.text);
  fd = opened.value;
});
afterEach(() => {
  close(fd);
  rmSync(folder, { recursive: true, force: true });
});

/** A service manager that listens there, as systemd does. */
function listen(path: string): void {
  const bound = bind(fd, sockaddrUnix(path));
  if (!bound.ok) throw new Error(bound.text);
}

function received(): string | undefined {
  const buffer = new Uint8Array(4096);
  const got = recv(fd, buffer, MSG_DONTWAIT);
  return got.ok ? new TextDecoder().decode(buffer.subarray(0, got.value)) : undefined;
}

function open(environment: Parameters<typeof openServiceManager>[0], pids = [process.pid]): ServiceManager {
  const opened = openServiceManager(environment, pids);
  if (typeof opened !== 'object') throw new Error(opened ?? 'there is no service manager');
  return opened;
}

test.each([
  ['in the file system', () => join(folder, 'notify')],
  ['in the abstract namespace', () => `@tiebreak-test-${process.pid}-${Math.random()}`],
])('what is told arrives in one datagram, at a socket %s', (_what, pathOf) => {
  const path = pathOf();
  listen(path);
  const manager = open({ NOTIFY_SOCKET: path });
  manager.notify('READY=1', 'STATUS=edge: owner');
  expect(received()).toBe('READY=1\nSTATUS=edge: owner');
  expect(received()).toBeUndefined();
  manager.close();
});

test('nobody listens: nothing happens, and nothing waits, also when nobody reads', () => {
  const path = join(folder, 'notify');
  const manager = open({ NOTIFY_SOCKET: path });
  manager.notify('READY=1');
  listen(path);
  for (let turn = 0; turn < 1_000; turn += 1) manager.notify('WATCHDOG=1');
  expect(received()).toBe('WATCHDOG=1');
  manager.close();
});

test('without a service manager there is nobody to tell; one that cannot be reached is named', () => {
  expect(openServiceManager({}, [1])).toBeUndefined();
  expect(openServiceManager({ NOTIFY_SOCKET: '' }, [1])).toBeUndefined();
  expect(openServiceManager({ NOTIFY_SOCKET: 'vsock:2:1' }, [1])).toBe('NOTIFY_SOCKET=vsock:2:1 is no Unix socket');
});

describe('the watchdog is fed within half of what it allows', () => {
  const at = { NOTIFY_SOCKET: '/nowhere/notify' };
  test.each<[string, Record<string, string>, number | undefined]>([
    ['if it watches this process or the guardian', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '42' }, 15_000],
    ['if it does not say whom it watches', { WATCHDOG_USEC: '30000000' }, 15_000],
    ['not if it watches another', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '43' }, undefined],
    ['not if there is none', {}, undefined],
    ['not if it is nonsense', { WATCHDOG_USEC: 'soon' }, undefined],
    ['not if it is switched off', { WATCHDOG_USEC: '0' }, undefined],
  ])('%s', (_what, environment, expected) => {
    expect(open({ ...at, ...environment }, [41, 42]).feedWithinMs).toBe(expected);
  });
});
