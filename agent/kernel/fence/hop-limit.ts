import { type AddressFamily, VRRP_PROTOCOL } from '@tiebreak/shared/vrrp';
import { addressesOf, type FencedGroup } from './config.ts';
import { chain } from './nft-text.ts';

/*
 * VRRP that came through a router (RFC 9568 section 7.1) ends in the kernel: raw-socket cannot see IPv6's hop limit, and a
 * flood from afar must not wake the event loop. What is dropped is counted, and the senders of the last minute are noted.
 */

const FAMILIES = ['ipv4', 'ipv6'] as const;
const FIELD = { ipv4: 'ip ttl', ipv6: 'ip6 hoplimit' } as const;
const SOURCE = { ipv4: 'ip saddr', ipv6: 'ip6 saddr' } as const;
const DESTINATION = { ipv4: 'ip daddr', ipv6: 'ip6 daddr' } as const;
const MULTICAST = { ipv4: '224.0.0.0/4', ipv6: 'ff00::/8' } as const;
const DIGIT = { ipv4: 4, ipv6: 6 } as const;
/** As many as a person would look at; more are counted all the same. */
const SENDERS_MAX = 64;

/** The named counter of what was dropped. */
export function hopLimitCounter(family: AddressFamily): string {
  return `hop_limit${DIGIT[family]}`;
}

/** The set of interface, virtual router id and source address. */
export function hopLimitSenders(family: AddressFamily): string {
  return `hop_limit_senders${DIGIT[family]}`;
}

/** For the chain at the input hook. Of a unicast peer a lower limit may be enough; the rest of that hook lets VRRP pass. */
export function hopLimitRules(groups: readonly Pick<FencedGroup, 'virtualRouters'>[]): string[] {
  const routers = groups.flatMap((group) => group.virtualRouters);
  return FAMILIES.flatMap((family) => [
    ...routers.flatMap(({ unicast = null, minTtl = 255, virtualRouterId, family: own }) => {
      if (unicast === null || minTtl === 255 || own !== family) return [];
      const from = `${SOURCE[family]} { ${addressesOf(unicast, family).join(', ')} }`;
      const toHere = `${DESTINATION[family]} != ${MULTICAST[family]}`;
      const router = `@th,8,8 ${virtualRouterId}`;
      return `meta l4proto ${VRRP_PROTOCOL} ${from} ${toHere} ${router} ${FIELD[family]} >= ${minTtl} accept`;
    }),
    `meta l4proto ${VRRP_PROTOCOL} ${FIELD[family]} != 255 goto ${hopLimitCounter(family)}_drop`,
  ]);
}

/** What those rules lead to, and what is read of it. */
export function hopLimitChains(): string[] {
  return FAMILIES.flatMap((family) => {
    const sender = `iifname . @th,8,8 . ${SOURCE[family]}`;
    return [
      `counter ${hopLimitCounter(family)} { }`,
      `set ${hopLimitSenders(family)} { typeof ${sender}; flags dynamic,timeout; size ${SENDERS_MAX}; timeout 1m; }`,
      // One rule each: one that finds no room in the set ends, and the packet must end too.
      ...chain(`${hopLimitCounter(family)}_drop`, [
        `counter name ${hopLimitCounter(family)}`,
        `update @${hopLimitSenders(family)} { ${sender} }`,
        'drop',
      ]),
    ];
  });
}
