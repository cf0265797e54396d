import type { InterfaceAddress } from '../kernel/in-any-thread.ts';

/**
 * The address of an interface to ask a neighbour from: this host's own, never a virtual one, which would tell the neighbour
 * that it lives here. One of the neighbour's network if there is one.
 */
export function chooseSource(
  addresses: readonly InterfaceAddress[],
  target: Uint8Array,
  virtual: readonly Uint8Array[],
): Uint8Array | undefined {
  const taken = new Set(virtual.map((address) => address.join('.')));
  const usable = addresses.filter(
    ({ address, ours, tentative, duplicate }) =>
      address.length === target.length && !ours && !tentative && !duplicate && !taken.has(address.join('.')),
  );
  const near = usable.find(({ address, prefixLength }) => isInNetwork(target, address, prefixLength));
  return (near ?? usable[0])?.address;
}

function isInNetwork(address: Uint8Array, network: Uint8Array, prefixLength: number): boolean {
  return network.every((byte, index) => {
    const bits = Math.max(0, Math.min(8, prefixLength - 8 * index));
    const mask = 0xff & (0xff << (8 - bits));
    return (byte & mask) === ((address[index] ?? 0) & mask);
  });
}
