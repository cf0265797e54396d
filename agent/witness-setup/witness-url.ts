import { isIP } from 'node:net';

export type WitnessUrl =
  | { readonly ok: true; readonly url: string; readonly warning: string | undefined }
  | { readonly ok: false; readonly reason: string };

/** Where a witness is: scheme, host and port, and nothing else. The reason never repeats a text that may hold a password. */
export function parseWitnessUrl(text: string): WitnessUrl {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return { ok: false, reason: 'must be a URL such as https://witness.example.com' };
  }
  if (url.username + url.password !== '') return { ok: false, reason: 'must not hold a user or a password' };
  if (url.pathname.replace(/\/+$/, '') + url.search + url.hash !== '') {
    return { ok: false, reason: `must end after the host, as in ${url.origin}` };
  }
  return { ok: true, url: url.origin, warning: isPlain(url) ? plainWarning(url.origin) : undefined };
}

function isPlain({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && !isThisHost(hostname.replace(/^\[|\]$/g, ''));
}

function isThisHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function plainWarning(origin: string): string {
  return `${origin} is neither encrypted nor proof of who answers: whoever listens has the admin token; use https:// beyond your own network`;
}
