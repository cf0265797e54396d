import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SidebandSession } from '@tiebreak/shared/wire';
import { hmacSha256 } from '../engine/hmac.ts';
import { openSidebandPort, type SidebandPort } from '../engine/sideband-port.ts';
import type { GuardedLink, Handover } from './handover.ts';
import type { LastVote } from './last-vote.ts';

/** A peer that lives asks within milliseconds of the RELEASE; for one that does not there is no one to wait for. */
const PATIENCE_MS = 150;
/** A vote that was given is asked for again if the answer was lost. */
const LINGER_MS = 30;

/**
 * Sends the signed RELEASE of each vote and answers who asks for it then. The session is a new one, under the incarnation
 * between the engine's and the next one's, so that nothing recorded earlier is believed; the peer's part of it is known
 * already, so that it costs no round trip.
 */
export async function sayFarewell(
  handover: Handover,
  votes: readonly LastVote[],
  report: (text: string) => void,
): Promise<void> {
  const ports = new Map<number, SidebandPort>();
  const receivers: ((datagram: Uint8Array, fromAddress: string) => void)[] = [];
  const open = handover.links.filter(
    ({ met, groups }) => met && votes.some(({ group }) => groups.includes(group.name)),
  );
  for (const port of new Set(open.map((link) => link.port))) {
    const addresses = open.filter((link) => link.port === port).flatMap((link) => link.addresses);
    const opened = await openSidebandPort({
      port,
      families: new Set(addresses.map((address) => (isIPv6(address) ? 'ipv6' : 'ipv4'))),
      onDatagram: (datagram, from) => {
        for (const receive of receivers) receive(datagram, from);
      },
      onError: (text) => report(`sideband: ${text}`),
    });
    if (opened.ok) ports.set(port, opened.port);
    else report(opened.error);
  }
  for (const link of open) receivers.push(talk(handover, link, votes, ports.get(link.port)));
  const deadline = performance.now() + PATIENCE_MS;
  while (open.length > 0 && performance.now() < deadline && !votes.every(({ givenTo }) => givenTo)) await sleep(5);
  if (votes.some(({ givenTo }) => givenTo)) await sleep(LINGER_MS);
  for (const port of ports.values()) port.close();
}

/** Says what there is to say on one link, and returns what takes the answers. */
function talk(
  { node, incarnation }: Handover,
  { peer, addresses, keys, groups, met }: GuardedLink,
  votes: readonly LastVote[],
  port: SidebandPort | undefined,
): (datagram: Uint8Array, fromAddress: string) => void {
  const nonce = randomBytes(8);
  const session = new SidebandSession({ node, peer, keys, nonce, incarnation: incarnation + 1, hmac: hmacSha256, met });
  const send = (message: Parameters<SidebandSession['seal']>[0]): void => {
    const { datagram } = session.seal(message);
    for (const address of addresses) port?.send(datagram, address);
  };
  const own = votes.filter(({ group }) => groups.includes(group.name));
  for (const { group, released } of own) send({ kind: 'release', group: group.name, ballot: released });
  return (datagram, fromAddress) => {
    if (!addresses.includes(fromAddress)) return;
    const opened = session.open(datagram);
    if (!opened.ok || opened.message.kind !== 'heartbeat') return;
    const { claims } = opened.message;
    const verdicts = own.flatMap((vote) => {
      const claim = claims.find(({ group }) => group === vote.group.name);
      return (claim && vote.judge(peer, claim)) ?? [];
    });
    if (verdicts.length > 0) send({ kind: 'ack', sequence: opened.sequence, verdicts });
  };
}
