import ipaddr from 'ipaddr.js';

export type TargetRefusal = 'no_url' | 'not_https' | 'has_credentials' | 'not_public';

/** Names that lead to the host itself, or into a network that is not the Internet (RFC 6761, RFC 6762, RFC 8375, RFC 9476). */
const PRIVATE_SUFFIXES = ['localhost', 'local', 'internal', 'home.arpa', 'alt', 'onion', 'test', 'invalid'];
/** Where a witness is allowed to reach its own network; never the host itself, nor a cloud's metadata service. */
const PRIVATE_RANGES = ['private', 'uniqueLocal'];

/**
 * Whether a webhook may lead there: a witness must not be made to ask what only its own host or network can reach (SSRF).
 * What a name resolves to is for the runtime to hold back, at the time of the request. Null: it may.
 *
 * @param privateNetworks a witness of one's own may be allowed its own network, and plain HTTP there
 */
export function targetRefusal(text: string, privateNetworks: boolean): TargetRefusal | null {
  if (!URL.canParse(text)) return 'no_url';
  const { protocol, hostname, username, password } = new URL(text);
  if (protocol !== 'https:' && !(privateNetworks && protocol === 'http:')) return 'not_https';
  if (username !== '' || password !== '') return 'has_credentials';
  // URL has put every way to write an IPv4 address (octal, one number) into the usual form, and IPv6 into brackets.
  const host = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  if (ipaddr.isValid(host)) return isAllowed(ipaddr.process(host).range(), privateNetworks) ? null : 'not_public';
  const labels = host.split('.');
  if (privateNetworks) return labels.at(-1) === 'localhost' ? 'not_public' : null;
  const isPrivate =
    labels.length < 2 || PRIVATE_SUFFIXES.some((suffix) => host === suffix || host.endsWith(`.${suffix}`));
  return isPrivate ? 'not_public' : null;
}

function isAllowed(range: string, privateNetworks: boolean): boolean {
  return range === 'unicast' || (privateNetworks && PRIVATE_RANGES.includes(range));
}
