import type {
  ApiConfig,
  Config,
  LeaseGroupConfig,
  VirtualRouterConfig,
  VrrpGroupConfig,
  WitnessConfig,
} from '../config/index.ts';

/**
 * What a running agent does about a value that has changed. A key that is new in the configuration does not compile before
 * it has its place here.
 */
export type Treatment =
  /** It goes on with the new value. */
  | 'applied'
  /** Another value is another thing: one goes, one comes. */
  | 'identity'
  /** It follows from others, or has a table of its own. */
  | 'elsewhere'
  /** It cannot. `key`: as the file has it; `advice`: what to do instead. */
  | { readonly key: string; readonly advice: string };

export type Treatments<Table> = { readonly [Key in keyof Table]-?: Treatment };

const RESTART = 'restart the agent on this node for it';
/** Nodes that differ in it do not hear each other. */
const AGREED = 'all nodes must agree on it: change it on every node, then restart one agent after the other';
/** Two agents that count other votes could both have a majority. */
const STOP = 'change it on every node, stop all agents, then start them';

export const NODE: Treatments<Config> = {
  node: { key: 'node', advice: RESTART },
  stateDir: { key: 'state_dir', advice: RESTART },
  runDir: { key: 'run_dir', advice: RESTART },
  // At the next start.
  startDelayUs: 'applied',
  api: 'elsewhere',
  witness: 'elsewhere',
  groups: 'elsewhere',
};

export const API: Treatments<ApiConfig> = {
  listen: { key: 'listen', advice: RESTART },
  tokenFile: 'applied',
};

export const WITNESS: Treatments<WitnessConfig> = {
  url: 'applied',
  // Another witness is another identity of every group (L16): it is gone over to once every node has it.
  cluster: 'applied',
  tokenFile: 'applied',
};

const MODE = {
  key: 'mode',
  advice: 'take the group out on every node and reload, then put it back with the other mode and reload',
};

export const LEASE_GROUP: Treatments<LeaseGroupConfig> = {
  id: 'elsewhere',
  name: 'identity',
  mode: MODE,
  virtualRouters: 'elsewhere',
  gateway: 'applied',
  checks: 'applied',
  notify: 'applied',
  floatingIps: 'applied',
  policy: 'elsewhere',
  preempt: 'applied',
  preemptDelayUs: 'applied',
  keyFile: 'applied',
  peers: 'elsewhere',
  sidebandPort: { key: 'sideband_port', advice: AGREED },
  intervalUs: 'applied',
  priority: 'applied',
};

/** Without a majority on both sides there is no way from one to the other under which nobody else may own. */
export const AVAILABLE = { key: 'policy', advice: `to and from "available" nothing leads without a stop: ${STOP}` };
export const AVAILABLE_WITNESS = {
  key: 'policy',
  advice: `under "available" the witness cannot change while the group is owned: ${STOP}`,
};
/** Of a peer the addresses may change, but not which nodes there are. */
export const PEERS = {
  key: 'peers',
  advice: `which nodes vote must not be seen differently by any two of them: ${STOP}`,
};

export const VRRP_GROUP: Treatments<VrrpGroupConfig> = {
  id: 'elsewhere',
  name: 'identity',
  mode: MODE,
  virtualRouters: 'elsewhere',
  gateway: 'applied',
  checks: 'applied',
  notify: 'applied',
  floatingIps: 'applied',
  preempt: 'applied',
  preemptDelayUs: 'applied',
};

/** In mode `vrrp` each virtual router has a state of its own, and they move together. */
export const PLAIN_ROUTERS = {
  key: 'virtual_router',
  advice: 'in mode "vrrp" none comes or goes alone: give it a group of its own, or restart the agent on this node',
};
/** The fence must not hold back an address that is this host's own (RFC 9568 section 6.1). */
export const PLAIN_OWNER = { key: 'priority', advice: `255 comes and goes with a restart: ${RESTART}` };

export const VIRTUAL_ROUTER: Treatments<VirtualRouterConfig> = {
  interface: 'identity',
  virtualRouterId: 'identity',
  family: 'identity',
  version: 'applied',
  priority: 'applied',
  advertisementIntervalUs: 'applied',
  addresses: 'applied',
  routes: 'applied',
  sourceAddress: 'applied',
  unicast: 'applied',
  minTtl: 'applied',
  announce: 'applied',
  checksum: 'applied',
  authPass: 'applied',
  authHmac: 'applied',
  accept: 'applied',
  virtualMac: { key: 'virtual_mac', advice: RESTART },
};
