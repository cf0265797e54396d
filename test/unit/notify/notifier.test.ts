import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { GROUP_STATES } from '../../../agent/config/types.ts';
import { readProcessStat } from '../../../agent/kernel/in-any-thread.ts';
import { Notifier } from '../../../agent/notify/index.ts';
import { journalPath, readJournal } from '../../../agent/notify/journal.ts';
import { JournalWriter } from '../../../agent/notify/journal-writer.ts';
import type { Receiver } from '../../../agent/notify/receiver.ts';
import { OwnershipBoard } from '../../../agent/ownership/index.ts';
import { identifyProgram, isRunning } from '../../../agent/program/index.ts';
import { recordedLog } from '../engine/recorded-log.ts';
import { change } from './changes.ts';

let folder = '';
let notifiers: Notifier[] = [];
let servers: Server[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tiebreak-notify-'));
  notifiers = [];
  servers = [];
});
afterEach(async () => {
  for (const notifier of notifiers) await notifier.close();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  rmSync(folder, { recursive: true });
});

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/** A shell script that appends a line for each time that it is run. */
function script(line: string): string {
  const path = join(folder, 'told');
  writeFileSync(path, `#!/bin/sh\nexec >> ${folder}/lines\n${line}\n`);
  chmodSync(path, 0o755);
  return path;
}

function lines(): string[] {
  try {
    return readFileSync(join(folder, 'lines'), 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}

const BASE = { key: 'k', group: 'edge', groupId: 1, states: GROUP_STATES, timeoutMs: 5_000 };

function command(program: string, fields: Partial<Receiver> = {}): Receiver {
  return { ...BASE, ...fields, target: { kind: 'command', program, arguments: ['edge'], keepalivedArguments: true } };
}

function started(receiver: Receiver, owns = true) {
  const board = new OwnershipBoard(1);
  if (owns) board.owns(1, 7, Number.POSITIVE_INFINITY);
  const { log, lines: logged } = recordedLog();
  const notifier = new Notifier({ receivers: [receiver], stateDir: folder, ownership: board.buffer, log });
  notifiers.push(notifier);
  notifier.start();
  return { notifier, logged, board };
}

async function webhookServer(answer: (attempt: number) => number, answers: 'at once' | 'without end' = 'at once') {
  const messages: { headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (text) => {
      body += text;
    });
    request.on('end', () => {
      messages.push({ headers: request.headers, body });
      response.writeHead(answer(messages.length));
      if (answers === 'at once') response.end();
      else response.write('…');
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server does not listen');
  return { url: `http://127.0.0.1:${address.port}/secret-path`, messages };
}

it('runs a command with keepalived’s arguments and the ballot in its environment', async () => {
  const path = script('echo "$* ballot=$TIEBREAK_BALLOT state=$TIEBREAK_STATE was=$TIEBREAK_PREVIOUS_STATE"');
  const { notifier } = started(command(path));
  notifier.changed(change(7, 'active', { previous: 'backup' }));
  notifier.changed(change(8, 'stopped', { previous: 'active', virtualRouters: 2 }));
  await vi.waitFor(() => expect(lines()).toHaveLength(2), 10_000);
  expect(lines()).toEqual([
    'edge INSTANCE edge MASTER 200 ballot=7 state=active was=backup',
    'edge GROUP edge STOP 200 ballot=8 state=stopped was=active',
  ]);
});

it('tells nobody of states that were not asked for', async () => {
  const { notifier } = started(command(script('echo $TIEBREAK_STATE'), { states: ['backup'] }));
  notifier.changed(change(1, 'fault'));
  notifier.changed(change(2, 'backup'));
  await vi.waitFor(() => expect(lines()).toHaveLength(1), 10_000);
  await notifier.close();
  expect(lines()).toEqual(['backup']);
});

it('tells after a restart what could not be told before, under the same id', async () => {
  const path = script('test -e $(dirname $0)/broken && exit 1; echo $TIEBREAK_ID $TIEBREAK_ATTEMPT');
  writeFileSync(join(folder, 'broken'), '');
  const before = started(command(path));
  before.notifier.changed(change(3, 'fault'));
  await vi.waitFor(() => expect(before.notifier.receivers[0]?.trouble).toBe('exit status 1'), 10_000);
  expect(before.notifier.receivers[0]).toEqual({
    group: 'edge',
    kind: 'command',
    target: path,
    waiting: 1,
    trouble: 'exit status 1',
  });
  await before.notifier.close();
  rmSync(join(folder, 'broken'));
  started(command(path));
  await vi.waitFor(() => expect(lines()).toHaveLength(1), 10_000);
  expect(lines()[0]).toMatch(/^a-edge-1-3 [2-9]$/);
});

it('does not wait for a command that hangs when the agent ends, and runs it again at the next start', async () => {
  const path = script('echo begun; echo $$ > $(dirname $0)/pid; sleep 60; echo never');
  const { notifier, logged } = started(command(path, { timeoutMs: 60_000 }));
  notifier.changed(change(1, 'stopped'));
  await vi.waitFor(() => expect(lines()).toEqual(['begun']), 10_000);
  await notifier.close();
  const said = logged().map(({ msg }) => msg);
  expect(said).toContainEqual(expect.stringContaining('is not waited for'));
  expect(said).not.toContainEqual(expect.stringContaining('does not end within'));
  const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
  await vi.waitFor(() => expect(readProcessStat(pid)?.ended ?? true).toBe(true), 5_000);
  started(command(path, { timeoutMs: 60_000 }));
  await vi.waitFor(() => expect(lines()).toEqual(['begun', 'begun']), 10_000);
});

/** Starts an engine that runs the command for its first change, and kills it in the middle of that. */
async function killedEngine(program: string, timeoutMs: number): Promise<void> {
  const fixture = fileURLToPath(new URL('engine-fixture.ts', import.meta.url));
  const engine = spawn(process.execPath, [fixture, program, folder, String(timeoutMs)], { stdio: 'inherit' });
  await vi.waitFor(() => expect(lines()).toHaveLength(1), 20_000);
  // The name of the program is on record by then, or a moment later.
  await vi.waitFor(() => expect(readJournal(journalPath(folder, 'k'))?.[0]?.program).toBeDefined(), 10_000);
  engine.kill('SIGKILL');
  await once(engine, 'exit');
}

it('runs no command while one of an engine that was killed still runs, and that one again', async () => {
  const path = script('echo begin $TIEBREAK_ID; while ! test -e $(dirname $0)/go; do sleep 0.02; done; echo end');
  await killedEngine(path, 60_000);
  const { notifier, logged } = started(command(path, { timeoutMs: 60_000 }));
  notifier.changed(change(2, 'backup'));
  await vi.waitFor(
    () => expect(logged().some(({ msg }) => msg.includes('still runs for an agent'))).toBe(true),
    10_000,
  );
  await sleep(300);
  expect(lines()).toEqual(['begin a-edge-1-1']);
  writeFileSync(join(folder, 'go'), '');
  await vi.waitFor(() => expect(lines()).toHaveLength(6), 10_000);
  expect(lines()).toEqual(['begin a-edge-1-1', 'end', 'begin a-edge-1-1', 'end', 'begin a-edge-1-2', 'end']);
}, 60_000);

it('kills a command of an engine that was killed when its time is up, with its children', async () => {
  const path = script('echo $$; sleep 60 & echo $! > $(dirname $0)/child; wait');
  await killedEngine(path, 2_000);
  const { notifier } = started(command(path, { timeoutMs: 2_000 }));
  await vi.waitFor(() => expect(notifier.receivers[0]?.trouble).toBe('no answer within 2000 ms'), 10_000);
  const pids = [lines()[0], readFileSync(join(folder, 'child'), 'utf8')].map(Number);
  await vi.waitFor(() => expect(pids.filter((pid) => readProcessStat(pid)?.ended === false)).toEqual([]), 5_000);
}, 60_000);

it('waits for no other process that has got the number of such a command, and leaves it alone', async () => {
  const other = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
  const program = other.pid === undefined ? undefined : identifyProgram(other.pid);
  if (program === undefined) throw new Error('sleep does not run');
  const journal = new JournalWriter(journalPath(folder, 'k'), []);
  journal.record({ type: 'record-queued', change: change(1, 'fault') });
  const startTicks = String(Number(program.startTicks) - 1);
  journal.record({ type: 'record-program', id: change(1, 'fault').id, program: { ...program, startTicks } });
  journal.close();
  started(command(script('echo $TIEBREAK_ID'), { timeoutMs: 1 }));
  await vi.waitFor(() => expect(lines()).not.toEqual([]), 10_000);
  expect(isRunning(program)).toBe(true);
  expect(isRunning({ ...program, bootId: 'another' })).toBe(false);
  other.kill();
});

it('says so when its thread is in a call to a dead file system, and tells once that goes on', async () => {
  mkdirSync(join(folder, 'notify'));
  const fifo = journalPath(folder, 'k');
  execFileSync('mkfifo', [fifo]);
  const { notifier, logged } = started(command(script('echo $TIEBREAK_STATE')));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  notifier.changed(change(1, 'fault'));
  vi.advanceTimersByTime(10_000);
  vi.useRealTimers();
  expect(logged().map(({ msg }) => msg)).toEqual([expect.stringContaining('has taken no change for 10 s')]);
  expect(notifier.receivers[0]).toMatchObject({ waiting: 1, trouble: expect.stringContaining('a dead file system?') });
  // The other end of the FIFO comes: first for who reads the journal, then for who writes it.
  closeSync(openSync(fifo, 'w'));
  const end = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  await vi.waitFor(() => expect(lines()).toEqual(['fault']), 10_000);
  await vi.waitFor(() => expect(notifier.receivers[0]).toMatchObject({ waiting: 0, trouble: null }), 5_000);
  closeSync(end);
});

it('tells everyone although a journal cannot be opened', async () => {
  mkdirSync(join(folder, 'notify', 'k.jsonl'), { recursive: true });
  const { notifier, logged } = started(command(script('echo $TIEBREAK_STATE')));
  notifier.changed(change(1, 'backup'));
  await vi.waitFor(() => expect(lines()).toEqual(['backup']), 10_000);
  expect(logged().some(({ msg }) => msg.includes('would be lost if the agent ended now'))).toBe(true);
});

it('tells at the next start what no thread was there to take, and once what one takes late', async () => {
  const receiver = command(script('echo $TIEBREAK_STATE'));
  const ownership = new OwnershipBoard(1).buffer;
  const options = { receivers: [receiver], stateDir: folder, ownership, log: recordedLog().log };
  const before = new Notifier(options);
  before.changed(change(1, 'fault'));
  before.changed(change(2, 'stopped'));
  await before.close();
  const after = new Notifier(options);
  notifiers.push(after);
  after.changed(change(3, 'backup'));
  after.start();
  after.changed(change(4, 'fault'));
  await vi.waitFor(() => expect(lines()).toHaveLength(4), 10_000);
  await after.close();
  expect(lines()).toEqual(['fault', 'stopped', 'backup', 'fault']);
});

it('does not run a command that others may write to, and says which', async () => {
  const path = script('echo never');
  chmodSync(path, 0o777);
  const { notifier } = started(command(path));
  notifier.changed(change(1, 'fault'));
  await vi.waitFor(() => expect(notifier.receivers[0]?.trouble).toContain('everyone may write to'), 10_000);
  expect(lines()).toEqual([]);
});

it('does not say MASTER once this node is not the owner', async () => {
  const { notifier, logged } = started(command(script('echo $3')), false);
  notifier.changed(change(1, 'active'));
  notifier.changed(change(2, 'backup'));
  await vi.waitFor(() => expect(lines()).toEqual(['edge']), 10_000);
  expect(logged().some(({ msg }) => msg.includes('does not own the group any more'))).toBe(true);
});

it('sends a webhook that verifies, again under the same id until it is taken, and keeps its path to itself', async () => {
  const { url, messages } = await webhookServer((attempt) => (attempt === 1 ? 503 : 204));
  const { notifier, logged } = started({ ...BASE, target: { kind: 'webhook', url, secret: SECRET } });
  notifier.changed(change(7, 'active', { previous: 'backup', at: new Date().toISOString() }));
  await vi.waitFor(() => expect(messages).toHaveLength(2), 10_000);
  for (const { headers, body } of messages) {
    const verified: unknown = new Webhook(SECRET).verify(body, {
      'webhook-id': String(headers['webhook-id']),
      'webhook-timestamp': String(headers['webhook-timestamp']),
      'webhook-signature': String(headers['webhook-signature']),
    });
    expect(headers['webhook-id']).toBe('a-edge-1-7');
    expect(verified).toMatchObject({
      type: 'tiebreak.group.active',
      data: { group: 'edge', node: 'a', state: 'active', previous_state: 'backup', ballot: { counter: 7, node: 'a' } },
    });
  }
  await vi.waitFor(() => expect(notifier.receivers[0]?.waiting).toBe(0), 5_000);
  expect(JSON.stringify([logged(), notifier.receivers])).not.toContain('secret-path');
});

it('takes an answer of 200 for taken, however long the rest of it takes', async () => {
  const { url, messages } = await webhookServer(() => 200, 'without end');
  const { notifier } = started({ ...BASE, timeoutMs: 60_000, target: { kind: 'webhook', url, secret: null } });
  notifier.changed(change(1, 'active', { at: new Date().toISOString() }));
  notifier.changed(change(2, 'backup', { at: new Date().toISOString() }));
  await vi.waitFor(() => expect(messages).toHaveLength(2), 10_000);
  await vi.waitFor(() => expect(notifier.receivers[0]).toMatchObject({ waiting: 0, trouble: null }), 5_000);
  expect(messages.map(({ headers }) => headers['webhook-id'])).toEqual(['a-edge-1-1', 'a-edge-1-2']);
});

it('follows no redirect', async () => {
  const { url, messages } = await webhookServer(() => 302);
  const { notifier } = started({ ...BASE, target: { kind: 'webhook', url, secret: null } });
  notifier.changed(change(1, 'active'));
  await vi.waitFor(() => expect(notifier.receivers[0]?.trouble).toBe('HTTP 302'), 10_000);
  expect(messages[0]?.headers['webhook-signature']).toBeUndefined();
});

it('goes on with what is under way when only the time that it may take has changed', async () => {
  const receiver = command(script('echo begun; sleep 1; echo ended'));
  const { notifier } = started(receiver);
  notifier.changed(change(1, 'fault'));
  await vi.waitFor(() => expect(lines()).toEqual(['begun']), 10_000);
  notifier.change([{ ...receiver, timeoutMs: 60_000 }]);
  await vi.waitFor(() => expect(lines()).toEqual(['begun', 'ended']), 10_000);
  notifier.changed(change(2, 'backup'));
  await vi.waitFor(() => expect(lines()).toEqual(['begun', 'ended', 'begun', 'ended']), 10_000);
});

it('tries what waits at once when its receiver has changed', async () => {
  const failing = command(script('echo tried; exit 1'));
  const { notifier } = started(failing);
  notifier.changed(change(1, 'active'));
  // By itself it would be tried a third time after two seconds.
  await vi.waitFor(() => expect(lines()).toHaveLength(2), 10_000);
  await sleep(200);
  notifier.change([{ ...failing, timeoutMs: 60_000 }]);
  await vi.waitFor(() => expect(lines()).toHaveLength(3), 1_500);
});

it('from now on tells others, and whoever is told already goes on', async () => {
  const first = command(script('echo $TIEBREAK_STATE'));
  const { notifier } = started(first);
  notifier.changed(change(1, 'fault'));
  await vi.waitFor(() => expect(lines()).toHaveLength(1), 10_000);
  const path = join(folder, 'told-too');
  writeFileSync(path, `#!/bin/sh\necho too $TIEBREAK_STATE >> ${folder}/lines\n`);
  chmodSync(path, 0o755);
  const second = { ...command(path), key: 'k2' };
  notifier.change([first, second]);
  notifier.changed(change(2, 'backup'));
  await vi.waitFor(() => expect(lines().toSorted()).toEqual(['backup', 'fault', 'too backup']), 10_000);
  notifier.change([second]);
  notifier.changed(change(3, 'active'));
  await vi.waitFor(() => expect(lines()).toContain('too active'), 10_000);
  await notifier.close();
  expect(lines()).not.toContain('active');
});
