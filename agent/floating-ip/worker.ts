/** The thread of the floating IPs: however long a cloud takes, no vote waits for it. */
import { parentPort, workerData } from 'node:worker_threads';
import { type FloatingIpConfig, type FloatingIpCredential, readFloatingIpCredential } from '../config/index.ts';
import { boottimeUs } from '../kernel/clock.ts';
import { OwnershipBoard } from '../ownership/index.ts';
import type { Assignment, Order, Word } from './floating-ips.ts';
import { FloatingIpRunner } from './runner.ts';

/** How soon a status is seen at the latest; nobody waits for it. */
const REPORT_EVERY_MS = 500;

const port = parentPort;
if (port === null) throw new Error('this runs as a worker thread');
const say = (word: Word): void => port.postMessage(word);

const { kept, ownership }: Assignment = workerData;
const board = new OwnershipBoard(ownership);
const runners = kept.map(({ group, groupId, config, token }) => {
  const log = (level: 'info' | 'warn') => (fields: Readonly<Record<string, unknown>>, text: string) =>
    say({ type: 'log', level, fields, text });
  const runner = new FloatingIpRunner({
    group,
    config,
    token,
    readToken: tokenReader(group, config),
    ownership: () => board.ownership(groupId, boottimeUs()),
    log: { info: log('info'), warn: log('warn') },
    now: () => boottimeUs() / 1_000,
  });
  return { group, runner };
});

/** Tells of each problem of the file once, until there is another. */
function tokenReader(group: string, config: FloatingIpConfig): () => FloatingIpCredential | null | undefined {
  let told: string | undefined;
  return () => {
    const read = readFloatingIpCredential(config);
    if (read.ok) return read.credential;
    if (read.problem !== told) say({ type: 'log', level: 'warn', fields: { group }, text: read.problem });
    told = read.problem;
    return undefined;
  };
}

let reported = '';
const report = setInterval(() => {
  const statuses = runners.map(({ group, runner }) => ({ group, status: runner.status }));
  const text = JSON.stringify(statuses);
  if (text === reported) return;
  reported = text;
  say({ type: 'report', statuses });
}, REPORT_EVERY_MS);

port.on('message', (order: Order) => {
  switch (order.type) {
    case 'nudge':
      for (const { group, runner } of runners) if (group === order.group) runner.nudge();
      return;
    case 'stop':
      clearInterval(report);
      for (const { runner } of runners) runner.close();
      port.close();
      return;
  }
});
