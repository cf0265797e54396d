import { setTimeout as sleep } from 'node:timers/promises';
import { parseAddress } from '@tiebreak/shared/vrrp';
import { openAnnouncer, openRtnetlink } from '../../agent/kernel/index.ts';

/** Announces an IPv4 address on an interface of this namespace, `count` times, every `everyMs`: a host that is mistaken. */
const [, , name = '', text = '', count = '1', everyMs = '0'] = process.argv;
const address = parseAddress(text);
const rtnetlink = openRtnetlink();
const links = rtnetlink.ok ? rtnetlink.value.links() : rtnetlink;
const link = links.ok ? links.value.find((candidate) => candidate.name === name) : undefined;
if (address === undefined || link === undefined)
  throw new Error('usage: announce INTERFACE ADDRESS [COUNT [EVERY_MS]]');
const announcer = openAnnouncer({ interfaceIndex: link.index, mac: link.mac });
if (!announcer.ok) throw new Error(announcer.text);
for (let sent = 0; sent < Number(count); sent += 1) {
  const outcome = announcer.value.gratuitousArp(address);
  if (!outcome.ok) throw new Error(outcome.text);
  await sleep(Number(everyMs));
}
