import { isIP } from 'node:net';

export type ListenAddress = { readonly host: string; readonly port: number };

/** `192.0.2.10:8787`, `[::]:8787`; a name could be many addresses. Undefined: it is none. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  const good = host !== undefined && isIP(host) === (bracketed === undefined ? 4 : 6) && port <= 65_535;
  return good ? { host, port } : undefined;
}

export function formatListenAddress({ host, port }: ListenAddress): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
