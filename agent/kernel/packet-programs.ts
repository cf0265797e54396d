import type { SystemResult } from './errno.ts';
import { attributeText, decodeAttributes } from './netlink-message.ts';
import { openNetlink } from './netlink-socket.ts';

/** Where programs (eBPF, traffic control) see an interface's packets before netfilter does. */

const NETLINK_ROUTE = 0;
const RTM_GETLINK = 18;
const RTM_GETQDISC = 38;
const INTERFACE_AT = 4;
const IFINFO_BYTES = 16;
const IFLA_XDP = 43;
const IFLA_XDP_ATTACHED = 2;
const TCMSG_BYTES = 20;
const TCA_KIND = 1;
/** Queueing disciplines that exist only to hang programs and filters on. */
const HOOKS: ReadonlySet<string> = new Set(['clsact', 'ingress']);

export type PacketProgram = { readonly interfaceIndex: number; readonly kind: 'xdp' | 'clsact' | 'ingress' };

/**
 * The hooks for such programs on all interfaces of this network namespace. Does not see programs that are attached
 * through tcx (Linux 6.6). Needs no privilege.
 */
export function packetPrograms(): SystemResult<PacketProgram[]> {
  const opened = openNetlink(NETLINK_ROUTE);
  if (!opened.ok) return opened;
  const socket = opened.value;
  try {
    const links = socket.dump(RTM_GETLINK, new Uint8Array(IFINFO_BYTES));
    if (!links.ok) return links;
    const disciplines = socket.dump(RTM_GETQDISC, new Uint8Array(TCMSG_BYTES));
    if (!disciplines.ok) return disciplines;
    const value = [
      ...links.value.flatMap(({ payload }) => decodeXdp(payload) ?? []),
      ...disciplines.value.flatMap(({ payload }) => decodeDiscipline(payload) ?? []),
    ];
    return { ok: true, value };
  } finally {
    socket.close();
  }
}

/** One row of a link dump; undefined unless it has an XDP program. */
export function decodeXdp(payload: Uint8Array): PacketProgram | undefined {
  if (payload.length < IFINFO_BYTES) return undefined;
  const xdp = decodeAttributes(payload, IFINFO_BYTES).get(IFLA_XDP);
  const attached = xdp === undefined ? undefined : decodeAttributes(xdp).get(IFLA_XDP_ATTACHED);
  return (attached?.[0] ?? 0) === 0 ? undefined : { interfaceIndex: indexOf(payload), kind: 'xdp' };
}

/** One row of a queueing discipline dump; undefined unless it is a hook. */
export function decodeDiscipline(payload: Uint8Array): PacketProgram | undefined {
  if (payload.length < TCMSG_BYTES) return undefined;
  const attribute = decodeAttributes(payload, TCMSG_BYTES).get(TCA_KIND);
  const kind = attribute === undefined ? undefined : attributeText(attribute);
  return isHook(kind) ? { interfaceIndex: indexOf(payload), kind } : undefined;
}

function isHook(kind: string | undefined): kind is 'clsact' | 'ingress' {
  return kind !== undefined && HOOKS.has(kind);
}

function indexOf(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getInt32(INTERFACE_AT, true);
}
