import { formatAddress, parseAddress } from '@tiebreak/shared/vrrp';
import type { ProbedCheckConfig } from '../config/index.ts';
import {
  type InterfaceAddress,
  type Link,
  openNeighbourQuestion,
  openRtnetlink,
  type SystemResult,
} from '../kernel/in-any-thread.ts';
import { chooseSource } from './arp-source.ts';
import { couldNotLook, failed, type Look } from './outcome.ts';

type ArpCheck = Extract<ProbedCheckConfig, { kind: 'arp' }>;

/** One lost frame is no lost neighbour. */
const ATTEMPTS = 3;

/**
 * Healthy if the neighbour answers who has its address: by ARP, or by neighbour discovery. Asked from this host's own
 * address, past the kernel's neighbour table.
 */
export async function probeArp(check: ArpCheck, running: AbortSignal): Promise<Look> {
  const { address, interface: name, notFrom, timeoutMs } = check;
  const target = parseAddress(address);
  if (target === undefined) return failed(`${address} is no address`);
  const found = findOwn(name);
  if (!found.ok) return couldNotLook(`the interfaces cannot be read: ${found.text}`);
  const { link, addresses } = found.value;
  if (link === undefined) return couldNotLook(`there is no interface ${name}`);
  const virtual = notFrom.map((text) => parseAddress(text)).filter((bytes) => bytes !== undefined);
  const source = chooseSource(addresses, target, virtual);
  const family = target.length === 4 ? 'ipv4' : 'ipv6';
  if (source === undefined) return couldNotLook(`${name} has no ${family} address of this host's own to ask from`);

  const answer = Promise.withResolvers<Look>();
  const question = openNeighbourQuestion({
    interfaceIndex: link.index,
    family,
    mac: link.mac,
    source,
    target,
    onAnswer: (mac) => answer.resolve({ healthy: true, detail: `${address} is at ${macText(mac)} on ${name}` }),
  });
  if (!question.ok) return couldNotLook(question.text);
  const stop = (): void => answer.resolve(couldNotLook('the agent stops'));
  running.addEventListener('abort', stop);
  const ask = (): void => {
    const asked = question.value.ask();
    if (!asked.ok) answer.resolve(couldNotLook(`${name}: ${asked.text}`));
  };
  ask();
  const again = setInterval(ask, timeoutMs / ATTEMPTS);
  const how = family === 'ipv4' ? 'ARP' : 'neighbour discovery';
  const noAnswer = `${address} does not answer ${how} from ${formatAddress(source)} on ${name} within ${timeoutMs} ms`;
  const late = setTimeout(() => answer.resolve(failed(noAnswer)), timeoutMs);
  const said = await answer.promise;
  clearInterval(again);
  clearTimeout(late);
  running.removeEventListener('abort', stop);
  question.value.close();
  return said;
}

type Own = { readonly link: Link | undefined; readonly addresses: readonly InterfaceAddress[] };

function findOwn(name: string): SystemResult<Own> {
  const rtnetlink = openRtnetlink();
  if (!rtnetlink.ok) return rtnetlink;
  const links = rtnetlink.value.links();
  const link = links.ok ? links.value.find((candidate) => candidate.name === name) : undefined;
  const addresses = links.ok ? rtnetlink.value.addresses(link?.index ?? 0) : links;
  rtnetlink.value.close();
  return addresses.ok ? { ok: true, value: { link, addresses: addresses.value } } : addresses;
}

function macText(mac: Uint8Array): string {
  return [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
