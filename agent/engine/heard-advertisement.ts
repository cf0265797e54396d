import {
  type Advertisement,
  decodeAdvertisement,
  formatAddress,
  type RefusedMessage,
  splitTrailer,
  virtualRouterIdOf,
} from '@tiebreak/shared/vrrp';
import type { VirtualRouterConfig } from '../config/index.ts';
import type { ReceivedMessage } from '../kernel/index.ts';
import type { AdvertisementHmac } from './advertisement-hmac.ts';
import { authenticationProblem, passwordBytes } from './simple-password.ts';

export type HeardAdvertisement = { readonly advertisement: Advertisement; readonly source: Uint8Array };

/** What a VRRP packet on the interface is to one virtual router. */
export type Judged =
  | { readonly kind: 'heard'; readonly heard: HeardAdvertisement }
  | { readonly kind: 'of another router' }
  | { readonly kind: 'refused'; readonly reason: RefusedMessage | 'version' | 'authentication'; readonly text: string };

/** This id is nobody's, so whoever hears it says so (RFC 9568 section 5.2.3). */
const NOBODYS_ID = 0;

/**
 * Judges what one virtual router's socket has received, in the order of RFC 9568 section 7.1 but for the id. That comes
 * first: the kernel gives every VRRP socket the unicast of all routers of the host, and over IPv6 nobody can tell where it
 * went, so that only its own router can judge its checksum.
 */
export function advertisementJudge(
  config: Pick<VirtualRouterConfig, 'family' | 'version' | 'virtualRouterId' | 'authPass' | 'unicast' | 'minTtl'>,
  hmac: Pick<AdvertisementHmac, 'problem'> | undefined,
): (received: ReceivedMessage) => Judged {
  const { family, version, virtualRouterId, unicast, minTtl } = config;
  const password = config.authPass === null ? null : passwordBytes(config.authPass);
  const judge = (received: ReceivedMessage): Judged => {
    const id = virtualRouterIdOf(received.message);
    if (id !== undefined && id !== virtualRouterId && id !== NOBODYS_ID) return { kind: 'of another router' };
    const { message, trailer } =
      hmac === undefined ? { message: received.message, trailer: undefined } : splitTrailer(received.message, family);
    // How far unicast may have come is this router's own to say.
    const isNear = unicast !== null && (received.hopLimit ?? 0) >= minTtl;
    const hopLimit = isNear ? undefined : received.hopLimit;
    const decoded = decodeAdvertisement(message, { family, ...received, hopLimit, trailer });
    if (!decoded.ok) {
      return { kind: 'refused', reason: decoded.reason, text: `refused a VRRP packet: ${decoded.reason}` };
    }
    const { advertisement } = decoded;
    if (advertisement.version !== version) {
      const text = `refused an advertisement of version ${advertisement.version}; version ${version} is configured here`;
      return { kind: 'refused', reason: 'version', text };
    }
    const problem = authenticationProblem(advertisement, password) ?? hmac?.problem(message, trailer, received.source);
    if (problem !== undefined) {
      const text = `refused an advertisement of ${formatAddress(received.source)}: ${problem}`;
      return { kind: 'refused', reason: 'authentication', text };
    }
    return { kind: 'heard', heard: { advertisement, source: received.source } };
  };
  // With an HMAC the same packet once more is a replay.
  if (hmac !== undefined) return judge;
  // The same packet, byte for byte, comes as the same object: most advertisements are no news.
  let last: { readonly received: ReceivedMessage; readonly judged: Judged } | undefined;
  return (received) => {
    if (last?.received !== received) last = { received, judged: judge(received) };
    return last.judged;
  };
}
