import {
  type Advertisement,
  addressAt,
  addressCount,
  announcedIntervalCs,
  announcedIntervalS,
  formatAddress,
  isLinkLocal,
  virtualRouterMac,
} from '@tiebreak/shared/vrrp';
import type { Config, GroupConfig, VirtualRouterConfig } from '../config/index.ts';
import { authenticationProblem, passwordBytes } from '../engine/index.ts';
import { type AgentState, groupStatusOf } from './agent-state.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import { formatMac, type HostInterface } from './host.ts';
import type { Heard, HeardClaim, Overheard } from './listen.ts';

/** Whose MAC address is known: the neighbour table's answer for each address on an interface. */
export type Neighbour = { readonly interface: string; readonly address: string; readonly mac: string };

export type WireFacts = {
  readonly config: Config;
  readonly interfaces: readonly HostInterface[];
  readonly neighbours: readonly Neighbour[];
  readonly agent: AgentState;
  readonly heard: Overheard;
};

/** Who speaks for our virtual routers and addresses, and whether it is who should. */
export function judgeWire(facts: WireFacts): readonly Finding[] {
  return facts.config.groups.flatMap((group) =>
    group.virtualRouters.flatMap((router) => judgeRouter(group, router, facts)),
  );
}

function judgeRouter(group: GroupConfig, router: VirtualRouterConfig, facts: WireFacts): readonly Finding[] {
  const topic = `${router.interface} vrid ${router.virtualRouterId}`;
  const heard = facts.heard.advertisements.filter(
    (candidate) =>
      candidate.interface === router.interface &&
      candidate.family === router.family &&
      candidate.virtualRouterId === router.virtualRouterId,
  );
  const speakers = heard.map((each) => ({ ...each, who: whoIs(each, group, router, facts) }));
  const findings = [
    ...speakers.flatMap((speaker) => judgeSpeaker(speaker, group, router, topic)),
    ...judgeClaims(group, router, facts, topic),
  ];
  if (findings.length > 0) return once(findings);
  const names = [...new Set(speakers.filter(({ refused }) => refused === undefined).map(({ who }) => inWords(who)))];
  if (names.length > 0) return [ok(topic, `advertised by ${names.join(' and ')}, and by nobody else`)];
  return judgeSilence(group, router, facts, topic);
}

type Who =
  | { readonly kind: 'self' | 'our_address' | 'stranger' | 'link_local'; readonly address: string }
  | { readonly kind: 'peer'; readonly address: string; readonly node: string };

function whoIs({ source, sourceMac }: Heard, group: GroupConfig, router: VirtualRouterConfig, facts: WireFacts): Who {
  const own = facts.interfaces.some(({ addresses }) => addresses.some(({ address }) => address === source));
  if (own) {
    const macs = [
      ...facts.interfaces.map(({ mac }) => mac),
      formatMac(virtualRouterMac(router.family, router.virtualRouterId)),
    ];
    return { kind: macs.includes(sourceMac) ? 'self' : 'our_address', address: source };
  }
  const peers = group.mode === 'lease' ? group.peers : [];
  const peer = peers.find(({ addresses }) => addresses.includes(source));
  if (peer !== undefined) return { kind: 'peer', address: source, node: peer.node };
  // IPv6 speaks from a link-local address, which the configuration of peers does not name.
  if (router.family === 'ipv6' && source.startsWith('fe80:')) return { kind: 'link_local', address: source };
  return { kind: 'stranger', address: source };
}

function inWords(who: Who): string {
  switch (who.kind) {
    case 'self':
      return 'this host';
    case 'peer':
      return `${who.node} (${who.address})`;
    case 'our_address':
    case 'stranger':
    case 'link_local':
      return who.address;
  }
}

type Speaker = Heard & { readonly who: Who };

function judgeSpeaker(
  speaker: Speaker,
  group: GroupConfig,
  router: VirtualRouterConfig,
  topic: string,
): readonly Finding[] {
  const { who, sourceMac, advertisement } = speaker;
  const refused = hasComeTooFar(speaker, router) ? TOO_FAR : speaker.refused;
  if (who.kind === 'our_address') {
    const found = `${who.address} advertises it from ${sourceMac}, and is this host's own address`;
    return [problem(topic, found, 'another host has the same address: change that of one')];
  }
  if (who.kind === 'stranger' && group.mode === 'lease') {
    const found = `${who.address} (${sourceMac}) advertises it too, and is no peer of group ${group.name}`;
    const remedy = `stop the VRRP speaker there, or choose another virtual_router_id; if it is a peer by another address, add that to peers`;
    return [problem(topic, found, remedy)];
  }
  if (refused !== undefined) {
    const found = `${inWords(who)} sends an advertisement that is refused: ${refused}`;
    return [warning(topic, found, remedyFor(refused))];
  }
  if (advertisement === undefined || who.kind === 'self') return [];
  const differences = differencesOf(advertisement, router);
  if (differences.length === 0) return [];
  const found = `${inWords(who)} advertises ${differences.map(({ text }) => text).join(', and ')}`;
  const tell = differences.some(({ fatal }) => fatal) ? problem : warning;
  return [tell(topic, found, 'make the two configurations the same')];
}

const TOO_FAR = 'hop-limit-not-255';

function hasComeTooFar({ hopLimit }: Speaker, { unicast, minTtl }: VirtualRouterConfig): boolean {
  return hopLimit < (unicast === null ? 255 : minTtl);
}

function remedyFor(refused: string): string {
  return refused === TOO_FAR
    ? 'keepalived sends IPv6 unicast with 64: set unicast_ttl 255 there, or min_ttl = 64 here; if it comes through a router, find out why'
    : 'look at the VRRP program there, and at what forwards or changes its packets';
}

type Difference = {
  readonly text: string /** Its advertisements are refused here, and ours there. */;
  readonly fatal: boolean;
};

function differencesOf(heard: Advertisement, router: VirtualRouterConfig): Difference[] {
  if (heard.version !== router.version) {
    return [{ text: `version ${heard.version} instead of ${router.version}`, fatal: true }];
  }
  const differences: Difference[] = [];
  const authentication = authenticationProblem(heard, router.authPass === null ? null : passwordBytes(router.authPass));
  if (authentication !== undefined) differences.push({ text: authentication, fatal: true });
  const [said, wanted] = intervalsOf(heard, router);
  if (said !== wanted) {
    // In version 3 a backup takes the owner's.
    differences.push({ text: `an interval of ${said} ms instead of ${wanted} ms`, fatal: heard.version === 2 });
  }
  if (heard.family === 'ipv6' && !isLinkLocal(heard.addresses)) {
    differences.push({ text: 'a first address that is not link-local (RFC 9568 section 5.2.9)', fatal: false });
  }
  const theirs = Array.from({ length: addressCount(heard) }, (_, index) => formatAddress(addressAt(heard, index)));
  const ours = router.addresses.filter(({ advertised }) => advertised).map(({ address }) => address);
  if ([...theirs].sort().join() !== [...ours].sort().join()) {
    const text = `the addresses ${theirs.join(', ') || '(none)'} instead of ${ours.join(', ') || '(none)'}`;
    differences.push({ text, fatal: false });
  }
  return differences;
}

/** As the field says it, in ms. */
function intervalsOf(heard: Advertisement, { advertisementIntervalUs: ours }: VirtualRouterConfig): [number, number] {
  if (heard.version === 2) return [heard.intervalS * 1_000, announcedIntervalS(ours) * 1_000];
  return [heard.intervalCs * 10, announcedIntervalCs(ours) * 10];
}

/** The owner alone may say that the address is his; of whom the MAC address is not known, it may be the peer's. */
function judgeClaims(
  group: GroupConfig,
  router: VirtualRouterConfig,
  facts: WireFacts,
  topic: string,
): readonly Finding[] {
  const addresses = router.addresses.map(({ address }) => address);
  const ours = facts.heard.claims.filter(
    (claim) => claim.interface === router.interface && addresses.includes(claim.address),
  );
  const active = groupStatusOf(facts.agent, group.name)?.role === 'active';
  return ours.flatMap((claim) => {
    if (isLegitimate(claim, group, router, facts) && !active) return [];
    const found = `${claim.mac} says that ${claim.address} is its own`;
    const remedy = `find that host in the switch's table of MAC addresses, and take the address away from it`;
    return [problem(topic, active ? `${found}, and this node owns it` : `${found}, and is no known peer`, remedy)];
  });
}

function isLegitimate({ mac }: HeardClaim, group: GroupConfig, router: VirtualRouterConfig, facts: WireFacts): boolean {
  if (mac === formatMac(virtualRouterMac(router.family, router.virtualRouterId))) return true;
  if (facts.interfaces.some((link) => link.mac === mac)) return true;
  // In mode "vrrp" peers are not configured; nor are their MAC addresses known over IPv6.
  if (group.mode === 'vrrp' || router.family === 'ipv6') return true;
  const peers = group.peers.flatMap((peer) => peer.addresses);
  const known = facts.neighbours.filter(({ address }) => peers.includes(address));
  const here = known.filter((neighbour) => neighbour.interface === router.interface);
  return here.length === 0 || here.some((neighbour) => neighbour.mac === mac);
}

function judgeSilence(
  group: GroupConfig,
  router: VirtualRouterConfig,
  facts: WireFacts,
  topic: string,
): readonly Finding[] {
  const owner = groupStatusOf(facts.agent, group.name)?.owner ?? null;
  // Nobody could listen there, as another line says.
  if (!facts.interfaces.some(({ name, up }) => name === router.interface && up)) return [];
  if (owner === null) return [ok(topic, 'nobody advertises it')];
  const { config } = facts;
  if (owner === config.node) {
    const found = 'this node owns the group, and no advertisement of it leaves this interface';
    return [problem(topic, found, "does a firewall drop IP protocol 112 on its way out? See the agent's log")];
  }
  // In unicast mode others' advertisements go to whom they are meant for.
  const found = `${owner} owns the group, and its advertisements do not arrive`;
  const remedy =
    router.unicast === null
      ? 'let multicast pass between the hosts (switch: IGMP snooping needs a querier; clouds: use unicast)'
      : 'let IP protocol 112 pass between the hosts';
  return [warning(topic, found, remedy)];
}

function once(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((finding) => [finding.found, finding])).values()];
}
