import type { Policy } from '@tiebreak/shared/lease';
import type { AntiReplay } from '@tiebreak/shared/vrrp';

/** The configuration as the engine reads it: checked, complete, every default filled in, units in the names. */
export type Config = {
  /** This host's node name. */
  readonly node: string;
  /** Absolute; survives reboots. */
  readonly stateDir: string;
  /** For so long after the start of the agent no group stands of its own accord. */
  readonly startDelayUs: number;
  /** Absolute; emptied at boot. */
  readonly runDir: string;
  readonly api: ApiConfig;
  readonly witness: WitnessConfig | null;
  /** In the order of the file; at least one. */
  readonly groups: readonly GroupConfig[];
};

export type ApiConfig = {
  readonly listen: ListenAddress;
  /** Authorises writes over TCP; null: writes go through the socket in `runDir` only. */
  readonly tokenFile: string | null;
};

/** `host` is an IP address without brackets; `port` 1 to 65535. */
export type ListenAddress = { readonly host: string; readonly port: number };

export type WitnessConfig = {
  /** http: or https:, without a trailing slash, query or credentials. */
  readonly url: string;
  readonly cluster: string;
  readonly tokenFile: string;
};

export type GroupConfig = LeaseGroupConfig | VrrpGroupConfig;

type GroupBase = {
  /** 1 and up, by the order of groups in the file: names the group in the fence of this host, nowhere else. */
  readonly id: number;
  readonly name: string;
  /** At least one. */
  readonly virtualRouters: readonly VirtualRouterConfig[];
  /** The addresses are other hosts' router. */
  readonly gateway: boolean;
  readonly checks: readonly CheckConfig[];
  readonly notify: readonly NotifyConfig[];
  readonly floatingIps: readonly FloatingIpConfig[];
};

/** One owner, decided by votes. */
export type LeaseGroupConfig = GroupBase & {
  readonly mode: 'lease';
  /** What a node does that has only its own vote. */
  readonly policy: Policy;
  /** A node of higher priority asks the owner for the group. */
  readonly preempt: boolean;
  readonly preemptDelayUs: number;
  readonly keyFile: string;
  /** Every other agent of the group, 1 to 4; with policy `bias` exactly one. */
  readonly peers: readonly PeerConfig[];
  /** UDP port of the link between the agents, 1 to 65535, here and at the peers. */
  readonly sidebandPort: number;
  /** The advertisement interval of all its virtual routers. */
  readonly intervalUs: number;
  /** The priority of all its virtual routers, 1 to 255. */
  readonly priority: number;
};

/** Plain RFC 9568 with a peer that is no agent: unprotected. */
export type VrrpGroupConfig = GroupBase & {
  readonly mode: 'vrrp';
  readonly preempt: boolean;
  readonly preemptDelayUs: number;
};

type CheckBase = {
  readonly name: string;
  /** Reports in a row that make it pass, and fail: at least 1. */
  readonly rise: number;
  readonly fall: number;
  /** -254 to 254; 0: failing gives the group up. */
  readonly weight: number;
};

/** A service whose health others report to the local API. */
export type PushCheckConfig = CheckBase & {
  readonly kind: 'push';
  /** Without a report for so long it has failed; null: the last report stands. */
  readonly ttlMs: number | null;
};

type LocalCheckBase = CheckBase & {
  /** From the start of one look to the start of the next, unless that one takes longer. */
  readonly intervalMs: number;
  /** Passes when what is looked for is not so. */
  readonly reverse: boolean;
};

/** A service that this agent asks, again and again. */
export type ProbedCheckConfig = LocalCheckBase & {
  /** After that long without an answer it has failed. */
  readonly timeoutMs: number;
} & (
    | {
        readonly kind: 'command';
        readonly program: string;
        readonly arguments: readonly string[];
        /** Whom it runs as; null: as the agent. */
        readonly user: string | null;
      }
    | ({ readonly kind: 'http'; readonly url: string } & HttpExpectation)
    | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
    | { readonly kind: 'file'; readonly path: string }
    | {
        readonly kind: 'arp';
        readonly address: string;
        readonly interface: string;
        /** Every virtual address of this host: what asks must not speak in its name. */
        readonly notFrom: readonly string[];
      }
  );

export type HttpExpectation = {
  /** null: 200 to 299 */
  readonly status: readonly number[] | null;
  /** What the body must contain; null: anything. */
  readonly body: string | null;
  /** The name that is asked for, in Host and in TLS; null: the URL's. */
  readonly serverName: string | null;
  /** Certificates are not verified. */
  readonly insecure: boolean;
};

/** What the kernel tells of when it changes; looked at as well. */
export type WatchedCheckConfig = LocalCheckBase &
  (
    | {
        readonly kind: 'process';
        readonly process: string;
        /** So many must run: at least 1. */
        readonly quorum: number;
      }
    | {
        readonly kind: 'interface';
        readonly interface: string;
        /** For how long the link must have been there, or not, before it counts. */
        readonly upDelayMs: number;
        readonly downDelayMs: number;
      }
  );

/** What this agent finds out by itself. */
export type LocalCheckConfig = ProbedCheckConfig | WatchedCheckConfig;
export type CheckConfig = PushCheckConfig | LocalCheckConfig;

/** What this node is for a group, as those are told who act upon it. A candidate is a backup still. */
export const GROUP_STATES = ['active', 'backup', 'fault', 'stopped'] as const;
export type GroupState = (typeof GROUP_STATES)[number];

/** Who is told when the state of a group changes. */
export type NotifyConfig = {
  /** Which states it is told of. */
  readonly states: readonly GroupState[];
  readonly timeoutMs: number;
} & (
  | {
      readonly kind: 'command';
      readonly program: string;
      readonly arguments: readonly string[];
      /** Appends what keepalived gives to `notify`: INSTANCE or GROUP, name, state, priority. */
      readonly keepalivedArguments: boolean;
    }
  /** `secretFile` null: what it is sent is not signed. */
  | { readonly kind: 'webhook'; readonly url: string; readonly secretFile: string | null }
);
type FloatingIpBase = {
  /** As text in its shortest form, without prefix length. */
  readonly address: string;
  /** Instead of the provider's own API: a base URL without a trailing slash; null: the provider's. */
  readonly url: string | null;
  readonly metadataUrl: string;
  /** From one look of the owner to the next, 5 s to 1 h. */
  readonly verifyIntervalMs: number;
};

/** An address that a cloud routes to the owner of the group. */
export type FloatingIpConfig = NumberedServerFloatingIpConfig | AwsFloatingIpConfig;

/** Clouds whose servers have a number, and whose API takes one token. */
export type NumberedServerFloatingIpConfig = FloatingIpBase & {
  readonly provider: 'digitalocean' | 'hetzner';
  readonly tokenFile: string;
  /** Decimal; null: as the metadata service says. */
  readonly server: string | null;
};

export type AwsFloatingIpConfig = FloatingIpBase & {
  readonly provider: 'aws';
  /** null: those of the instance's role. */
  readonly credentialsFile: string | null;
  /** null: as the metadata service says, as is the network interface: the first one. */
  readonly region: string | null;
  readonly networkInterface: string | null;
} & AwsFloatingIpKind;

export type AwsFloatingIpKind =
  /** `privateAddress`: of the network interface; null: its first one. */
  | { readonly kind: 'elastic_ip'; readonly privateAddress: string | null }
  | { readonly kind: 'eni' }
  /** `destination` is an address with its prefix length, the same in all tables. */
  | { readonly kind: 'route'; readonly routeTables: readonly string[]; readonly destination: string };

export type PeerConfig = {
  readonly node: string;
  /** IP addresses of the paths to it, at least one; all are used at once. */
  readonly addresses: readonly string[];
};

export type VirtualRouterConfig = {
  readonly interface: string;
  /** 1 to 255. */
  readonly virtualRouterId: number;
  readonly version: 2 | 3;
  readonly family: AddressFamily;
  /** 1 to 255. */
  readonly priority: number;
  readonly advertisementIntervalUs: number;
  /** All of `family`; at least one of them is advertised. */
  readonly addresses: readonly VirtualAddress[];
  /** There while this node owns. */
  readonly routes: readonly RouteConfig[];
  /** null: the interface's first address of `family`. */
  readonly sourceAddress: string | null;
  /** null: multicast. */
  readonly unicast: readonly string[] | null;
  /** The TTL or hop limit that what comes by unicast must have at least, 1 to 255. */
  readonly minTtl: number;
  /** The checksum form that is sent (version 3 over IPv4); both are accepted. */
  readonly checksum: 'pseudo-header' | 'message';
  /** Version 2: the simple password of RFC 2338, up to 8 characters, sent in clear; null: no authentication. */
  readonly authPass: string | null;
  /** keepalived's trailer with an HMAC; null: none. */
  readonly authHmac: AuthHmacConfig | null;
  readonly announce: AnnounceConfig;
  /** It accepts packets for its addresses, and does not only forward (RFC 9568 section 6.1, Accept_Mode). */
  readonly accept: boolean;
  /** Its addresses live on a macvlan with the MAC address of RFC 9568 section 7.3, made when the agent starts. */
  readonly virtualMac: boolean;
};

/** How the owner tells hosts and switches where its addresses are: gratuitous ARP, unsolicited neighbour advertisements. */
export type AnnounceConfig = {
  /** So long after the first of a series, which goes at once; ascending. */
  readonly repeatAfterUs: readonly number[];
  /** How often each address is announced each time: at least 1. */
  readonly copies: number;
  /** The longest that an owner is silent; 0: for ever. */
  readonly refreshUs: number;
  readonly refreshCopies: number;
  /** At least so long between two frames on an interface. */
  readonly spacingUs: number;
};

export type AuthHmacConfig = {
  /** Lines of 'ID HEX', 32 to 64 bytes; the first signs, all verify. */
  readonly keyFile: string;
  /** `receive-only` signs nothing; but for `enforce` what comes without an HMAC is believed too. */
  readonly mode: 'enforce' | 'permissive' | 'receive-only';
  readonly antiReplay: AntiReplay;
};

export type AddressFamily = 'ipv4' | 'ipv6';

export const ADDRESS_SCOPES = ['global', 'site', 'link', 'host'] as const;
export type AddressScope = (typeof ADDRESS_SCOPES)[number];

export type VirtualAddress = {
  /** Without the prefix length, as text in its shortest form. */
  readonly address: string;
  readonly prefixLength: number;
  /** Where the address is put: the virtual router's own interface or its macvlan, unless the file says otherwise. */
  readonly interface: string;
  readonly label: string | null;
  /** IPv4: how far the address is good for; the kernel prefers a wider one as source. */
  readonly scope: AddressScope;
  /** False: present at the owner and fenced, but not in the advertisement. */
  readonly advertised: boolean;
};

export type RouteConfig = {
  readonly family: AddressFamily;
  /** Without the prefix length, as text in its shortest form. */
  readonly to: string;
  /** 0: every address. */
  readonly prefixLength: number;
  /** null: the network is on the link itself. */
  readonly via: string | null;
  readonly interface: string;
  /** What this host's own traffic is sent from; null: the kernel chooses. */
  readonly source: string | null;
  /** null: the kernel's default. */
  readonly metric: number | null;
  /** null: the main table. */
  readonly table: number | null;
};

/** One thing about a configuration file for a person to mend (or, as a warning, to know). */
export type ConfigProblem = {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** `group[0].virtual_router[0].priority`; empty: the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
};

/** What the key and token files hold. Never logged. */
export type Secrets = {
  /** By group name, one entry for each lease group: the first key signs, all verify. */
  readonly groupKeys: ReadonlyMap<string, readonly [SidebandKey, ...SidebandKey[]]>;
  readonly witness: WitnessCredential | null;
  readonly apiToken: string | null;
  /** By file. */
  readonly hmacKeys: ReadonlyMap<string, readonly [HmacKey, ...HmacKey[]]>;
  /** By file: `whsec_…` */
  readonly webhookSecrets: ReadonlyMap<string, string>;
  /** By the path of the file. */
  readonly floatingIpTokens: ReadonlyMap<string, FloatingIpCredential>;
};

/** Plain data: it can be sent to a worker thread. */
export type FloatingIpCredential =
  | { readonly kind: 'token'; readonly token: string }
  | {
      readonly kind: 'aws';
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      /** null: keys that do not expire. */
      readonly sessionToken: string | null;
    };

/** `id` 1 to 255, unique in its file; `key` 32 bytes. */
export type SidebandKey = { readonly id: number; readonly key: Uint8Array };

/** `key` 32 to 64 bytes. */
export type HmacKey = SidebandKey;

export type WitnessCredential = {
  /** The whole `tbn1.…` text, which authenticates this node. */
  readonly token: string;
  /** 32 hex digits: the one witness that this node believes (L14). */
  readonly witnessId: string;
  /** 32 bytes; the keys of requests and replies derive from it. */
  readonly secret: Uint8Array;
};
