/** `node serve-digitalocean.ts HOST PORT`: the stand-in as a process of its own; prints each droplet that gets the address. */
import { setInterval } from 'node:timers';
import { start } from './digitalocean.ts';

const [host, port] = process.argv.slice(2);
if (host === undefined || port === undefined) throw new Error('usage: serve-digitalocean.ts HOST PORT');
const cloud = await start({ host, port: Number(port), actionMs: 300 });
process.stdout.write('ready\n');
let told: number | null = null;
setInterval(() => {
  const { assignedTo } = cloud;
  if (assignedTo === told) return;
  told = assignedTo;
  process.stdout.write(`assigned ${assignedTo}, asked ${cloud.assignments.length} times\n`);
}, 20);
