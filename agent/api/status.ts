import { Role } from '@tiebreak/shared/wire';
import { z } from 'zod';

const Milliseconds = z.number().min(0);
/** RFC 3339, UTC. */
const Timestamp = z.iso.datetime();

const VoteStatus = z.object({
  voter: z.string(),
  state: z.enum(['granted', 'bound_elsewhere', 'free', 'unreachable', 'quarantined', 'departed']),
  /** How long the vote still counts or binds; null: without end, or not known. */
  remaining_ms: Milliseconds.nullable(),
});

const VirtualRouterStatus = z.object({
  interface: z.string(),
  virtual_router_id: z.int().min(1).max(255),
  version: z.literal([2, 3]),
  family: z.enum(['ipv4', 'ipv6']),
  state: z.enum(['initialize', 'backup', 'active']),
  priority: z.int().min(0).max(255),
  effective_priority: z.int().min(0).max(255),
  advertisement_interval_ms: Milliseconds,
  /** With their prefix length. */
  addresses: z.array(z.string()),
});

const CheckStatus = z.object({
  name: z.string(),
  kind: z.enum(['command', 'http', 'tcp', 'process', 'file', 'interface', 'arp', 'push']),
  state: z.enum(['passing', 'failing', 'unknown']),
  since: Timestamp,
  detail: z.string(),
});

const PeerStatus = z.object({
  node: z.string(),
  state: z.enum(['heard', 'silent']),
  /** `identity_differs`: neither votes for the other (L16). Left out: nothing was heard yet, or by an older agent. */
  configuration: z.enum(['same', 'settings_differ', 'identity_differs']).optional(),
  paths: z.array(
    z.object({
      address: z.string(),
      /** null: never */
      heard_ms_ago: Milliseconds.nullable(),
      rtt_ms: Milliseconds.nullable(),
    }),
  ),
});

/** Who is told of the group's changes on this node. */
const NotifyStatus = z.object({
  kind: z.enum(['command', 'webhook']),
  /** The program, or the host of the webhook. */
  target: z.string(),
  /** Changes that it has not been told of yet. */
  waiting: z.int().min(0),
  /** Why the last attempt failed; null: it did not. */
  trouble: z.string().nullable(),
});

/** An address that a cloud routes to the owner, as this node knows it. */
const FloatingIpStatus = z.object({
  address: z.string(),
  provider: z.enum(['digitalocean', 'hetzner', 'aws']),
  /** `idle`: this node does not own the group, and does not look. */
  state: z.enum(['mine', 'elsewhere', 'unknown', 'idle']),
  detail: z.string().nullable(),
});

const GroupStatus = z.object({
  name: z.string(),
  mode: z.enum(['lease', 'vrrp']),
  /** null in mode vrrp, which has no votes. */
  policy: z.enum(['safe', 'bias', 'available']).nullable(),
  /** False: nothing prevents a second owner; `reason` says why. */
  protected: z.boolean(),
  /** Why the group is unprotected, or in a role that someone should look at; null: nothing to say. */
  reason: z.string().nullable(),
  role: Role,
  ballot: z.object({ counter: z.int().min(0), node: z.string() }),
  /** null: nobody, or not known. */
  owner: z.string().nullable(),
  /** The start of this role. */
  since: Timestamp,
  quorum: z.object({ needed: z.int().min(0), held: z.int().min(0), votes: z.array(VoteStatus) }),
  fence: z.object({
    level: z.enum(['full', 'no_egress', 'none']),
    open: z.boolean(),
    /** null while it is closed. */
    expires_in_ms: Milliseconds.nullable(),
  }),
  witness: z.object({
    state: z.enum(['connected', 'connecting', 'unreachable', 'refused', 'not_configured']),
    /** null: not measured yet. */
    vote_ms_p50: Milliseconds.nullable(),
    vote_ms_p99: Milliseconds.nullable(),
  }),
  virtual_routers: z.array(VirtualRouterStatus),
  checks: z.array(CheckStatus),
  peers: z.array(PeerStatus),
  /** An older agent says nothing of them. */
  notify: z.array(NotifyStatus).default([]),
  floating_ips: z.array(FloatingIpStatus).default([]),
});

/**
 * `GET /v1/status` and `tiebreak status --json` (DESIGN section 7): stable, fields are only ever added. Readers ignore
 * what they do not know.
 */
export const Status = z.object({
  node: z.string(),
  version: z.string(),
  process: z.object({
    engine_pid: z.int().min(1),
    /** null: no guardian runs. */
    guardian_pid: z.int().min(1).nullable(),
  }),
  /** Left out by an older agent. */
  config: z
    .object({
      in_force_since: Timestamp,
      /** null: the configuration is that of the start. */
      last_reload: z.object({ at: Timestamp, ok: z.boolean(), detail: z.string() }).nullable(),
    })
    .optional(),
  groups: z.array(GroupStatus),
});
export type Status = z.infer<typeof Status>;
export type GroupStatus = z.infer<typeof GroupStatus>;
