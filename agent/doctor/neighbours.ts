import { readFileSync } from 'node:fs';
import type { Neighbour } from './advertisements.ts';

export function readNeighbours(): readonly Neighbour[] {
  return neighboursIn(readFileSync('/proc/net/arp', 'latin1'));
}

/** `text`: /proc/net/arp: address, type, flags, MAC address, mask, interface. What has not been resolved has zeros. */
export function neighboursIn(text: string): Neighbour[] {
  return text.split('\n').flatMap((line) => {
    const [address, , , mac, , name] = line.trim().split(/\s+/);
    if (address === undefined || mac === undefined || name === undefined) return [];
    return /^([0-9a-f]{2}:){5}/.test(mac) && mac !== '00:00:00:00:00:00' ? [{ interface: name, address, mac }] : [];
  });
}
