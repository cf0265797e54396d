import { constants } from 'node:os';
import type { AddressFamily } from '@tiebreak/shared/vrrp';
import {
  advertisementClaimFilter,
  arpClaimFilter,
  claimOfAdvertisement,
  claimOfArp,
  isAnswer,
} from './claim-filter.ts';
import { type SystemResult, systemError } from './errno.ts';
import { readInEventLoop } from './event-loop-socket.ts';
import { arpRequestFrame, MAC_BYTES, neighbourSolicitationFrame } from './frames.ts';
import { attachFilter, bind, close, sendTo, socket } from './libc.ts';
import { AF_PACKET, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW, sockaddrLinkLayer } from './sockaddr.ts';

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;

/** Who has an address on a link? */
export interface NeighbourQuestion {
  /** Asks once, by ARP or by a neighbour solicitation; never blocks. */
  ask(): SystemResult<undefined>;
  close(): void;
}

/**
 * Asks a link for an address past the kernel's own neighbour table, which would remember, and answer for a while after the
 * neighbour has gone. Needs CAP_NET_RAW (`EPERM`).
 *
 * @param question `mac` and `source`: the interface's own; neighbours note both
 * @param question.onAnswer hears the MAC address of each neighbour that answers for `target`
 */
export function openNeighbourQuestion(question: {
  interfaceIndex: number;
  family: AddressFamily;
  mac: Uint8Array;
  source: Uint8Array;
  target: Uint8Array;
  onAnswer: (mac: Uint8Array) => void;
}): SystemResult<NeighbourQuestion> {
  const { interfaceIndex, family, mac, source, target, onAnswer } = question;
  if (mac.length !== MAC_BYTES) {
    return systemError('ask a neighbour', constants.errno.EINVAL, 'the interface has no Ethernet address');
  }
  const ipv4 = family === 'ipv4';
  const frame = ipv4 ? arpRequestFrame({ mac, source, target }) : neighbourSolicitationFrame({ mac, source, target });
  const sender = openPacketSocket(interfaceIndex, 0);
  if (!sender.ok) return sender;
  const filter = ipv4 ? arpClaimFilter([target], mac) : advertisementClaimFilter([target], mac);
  const receiver = openPacketSocket(interfaceIndex, ipv4 ? ETHERTYPE_ARP : ETHERTYPE_IPV6, filter);
  const reader = !receiver.ok
    ? receiver
    : readInEventLoop(
        receiver.value,
        (heard) => {
          const claim = ipv4 ? claimOfArp(heard) : claimOfAdvertisement(heard);
          if (claim !== undefined && isAnswer(heard, family)) onAnswer(claim.mac);
        },
        // ENETDOWN, when the interface goes down: nobody answers then.
        () => {},
      );
  if (!reader.ok) {
    close(sender.value);
    return reader;
  }
  return {
    ok: true,
    value: {
      ask() {
        const sent = sendTo(sender.value, frame, null, MSG_DONTWAIT);
        return sent.ok ? { ok: true, value: undefined } : sent;
      },
      close() {
        reader.value.close();
        close(sender.value);
      },
    },
  };
}

/** Protocol 0: it receives nothing, until it is bound and by then has its filter, or at all. */
function openPacketSocket(interfaceIndex: number, protocol: number, filter?: Uint8Array): SystemResult<number> {
  const opened = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (!opened.ok) return opened;
  const filtered = filter === undefined ? opened : attachFilter(opened.value, filter);
  const bound = filtered.ok
    ? bind(opened.value, sockaddrLinkLayer(protocol, interfaceIndex, new Uint8Array(0)))
    : filtered;
  if (bound.ok) return opened;
  close(opened.value);
  return bound;
}
