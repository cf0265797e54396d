import type { VirtualRouterConfig } from '../config/index.ts';
import type { Link, Rtnetlink } from '../kernel/index.ts';
import { bytesOf } from './address-bytes.ts';

export type FoundSource =
  | { readonly ok: true; readonly address: Uint8Array }
  | { readonly ok: false; readonly error: string };

/** What a virtual router's advertisements are sent from (RFC 9568 section 5.1.1.1). */
export function sourceAddress(config: VirtualRouterConfig, link: Link, rtnetlink: Rtnetlink): FoundSource {
  if (config.sourceAddress !== null) return { ok: true, address: bytesOf(config.sourceAddress) };
  const addresses = rtnetlink.addresses(link.index);
  if (!addresses.ok) return { ok: false, error: `the addresses of ${link.name} cannot be read: ${addresses.text}` };
  const virtual = new Set(config.addresses.map(({ address }) => bytesOf(address).join('.')));
  const usable = addresses.value.find(
    (found) =>
      found.family === config.family &&
      !virtual.has(found.address.join('.')) &&
      // VRRP for IPv6 speaks from the link-local address (RFC 9568 section 5.1.2.1).
      (config.family === 'ipv4' || (found.address[0] === 0xfe && found.address[1] === 0x80)),
  );
  if (usable !== undefined) return { ok: true, address: usable.address };
  return {
    ok: false,
    error: `interface ${link.name} has no ${config.family} address of its own to send from; give it one, or set source_address`,
  };
}
