import { formatAddress } from '@tiebreak/shared/vrrp';
import type { AddressFamily, Config } from '../config/index.ts';
import { openRtnetlink } from '../kernel/index.ts';
import { valueOrThrow } from './examination.ts';

/** An interface with its addresses, as text. */
export type HostInterface = {
  readonly index: number;
  readonly name: string;
  /** `02:77:00:00:00:0a`; empty where it has none. */
  readonly mac: string;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly loopback: boolean;
  readonly addresses: readonly HostAddress[];
};

export type HostAddress = {
  readonly family: AddressFamily;
  /** Without its prefix length, in the shortest form. */
  readonly address: string;
  /** Another host has it too, as duplicate address detection says. */
  readonly duplicate: boolean;
};

/** Throws what rtnetlink says. */
export function readInterfaces(): readonly HostInterface[] {
  const rtnetlink = valueOrThrow(openRtnetlink());
  try {
    const addresses = valueOrThrow(rtnetlink.addresses());
    return valueOrThrow(rtnetlink.links()).map(({ index, name, mac, up, carrier, loopback }) => ({
      ...{ index, name, up, carrier, loopback },
      mac: formatMac(mac),
      addresses: addresses
        .filter(({ interfaceIndex }) => interfaceIndex === index)
        .map(({ family, address, duplicate }) => ({ family, address: formatAddress(address), duplicate })),
    }));
  } finally {
    rtnetlink.close();
  }
}

export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Every interface on which the configuration has a virtual router, once. */
export function routerInterfaces({ groups }: Config): string[] {
  return [...new Set(groups.flatMap(({ virtualRouters }) => virtualRouters.map((router) => router.interface)))];
}

/** Every virtual address, once. */
export function virtualAddresses({ groups }: Config): ReadonlySet<string> {
  const routers = groups.flatMap(({ virtualRouters }) => virtualRouters);
  return new Set(routers.flatMap(({ addresses }) => addresses.map(({ address }) => address)));
}
