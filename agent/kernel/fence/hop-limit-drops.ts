import type { AddressFamily } from '@tiebreak/shared/vrrp';
import { addressBytes } from '../address-family.ts';
import type { SystemResult } from '../errno.ts';
import { attributeText, decodeAttributeList, decodeAttributes, text } from '../netlink-message.ts';
import { type NetlinkSocket, openNetlink } from '../netlink-socket.ts';
import { hopLimitCounter, hopLimitSenders } from './hop-limit.ts';

// linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h. libnftables would read the whole ruleset first: a second and
// more with two hundred groups, while the event loop waits. This takes some 20 µs.
const NETLINK_NETFILTER = 12;
const NFNL_SUBSYS_NFTABLES = 10 << 8;
const NFT_MSG_GETSETELEM = NFNL_SUBSYS_NFTABLES | 13;
const NFT_MSG_GETOBJ = NFNL_SUBSYS_NFTABLES | 19;
const NFGENMSG_BYTES = 4;
const NFPROTO_INET = 1;
const NFT_OBJECT_COUNTER = 1;
const OBJ = { table: 1, name: 2, type: 3, data: 4 } as const;
const COUNTER_PACKETS = 2;
const SET = { table: 1, name: 2, elements: 3 } as const;
const ELEMENT_KEY = 1;
const DATA_VALUE = 1;
/** IFNAMSIZ, then the virtual router id in a register of its own, then the address. */
const ROUTER_ID_AT = 16;
const ADDRESS_AT = 20;

const TABLE = 'tiebreak';

/** Who sent VRRP with another hop limit in the last minute. */
export type FarSender = {
  readonly interface: string;
  readonly virtualRouterId: number;
  readonly address: Uint8Array;
};

/** What the fence's rules about the hop limit have dropped, as the kernel knows it. */
export interface HopLimitDrops {
  /** Packets since the tables were installed: they begin anew with each installation. `ENOENT` without the tables. */
  dropped(family: AddressFamily): SystemResult<number>;
  senders(family: AddressFamily): SystemResult<readonly FarSender[]>;
  close(): void;
}

/** Reads from the network namespace of this process. `EPERM` without CAP_NET_ADMIN comes with the first reading. */
export function openHopLimitDrops(): SystemResult<HopLimitDrops> {
  const opened = openNetlink(NETLINK_NETFILTER);
  if (!opened.ok) return opened;
  const socket: NetlinkSocket = opened.value;
  const body = new Uint8Array(NFGENMSG_BYTES);
  body[0] = NFPROTO_INET;
  return {
    ok: true,
    value: {
      dropped(family) {
        const found = socket.get(NFT_MSG_GETOBJ, body, [
          { type: OBJ.table, value: text(TABLE) },
          { type: OBJ.name, value: text(hopLimitCounter(family)) },
          { type: OBJ.type, value: Uint8Array.of(0, 0, 0, NFT_OBJECT_COUNTER) },
        ]);
        return found.ok ? { ok: true, value: packetsOf(found.value.payload) } : found;
      },
      senders(family) {
        const found = socket.dump(NFT_MSG_GETSETELEM, body, [
          { type: SET.table, value: text(TABLE) },
          { type: SET.name, value: text(hopLimitSenders(family)) },
        ]);
        if (!found.ok) return found;
        return { ok: true, value: found.value.flatMap(({ payload }) => sendersIn(payload, family)) };
      },
      close: () => socket.close(),
    },
  };
}

/** The packets that an NFT_MSG_NEWOBJ of a counter tells of, in network order. */
export function packetsOf(payload: Uint8Array): number {
  const data = decodeAttributes(payload, NFGENMSG_BYTES).get(OBJ.data) ?? new Uint8Array(0);
  const packets = decodeAttributes(data).get(COUNTER_PACKETS);
  if (packets === undefined || packets.length < 8) return 0;
  return Number(new DataView(packets.buffer, packets.byteOffset).getBigUint64(0));
}

/** The senders that one NFT_MSG_NEWSETELEM lists. */
export function sendersIn(payload: Uint8Array, family: AddressFamily): FarSender[] {
  const elements = decodeAttributes(payload, NFGENMSG_BYTES).get(SET.elements) ?? new Uint8Array(0);
  return decodeAttributeList(elements).flatMap(({ value }) => {
    const data = decodeAttributes(value).get(ELEMENT_KEY);
    const key = data === undefined ? undefined : decodeAttributes(data).get(DATA_VALUE);
    if (key === undefined || key.length < ADDRESS_AT + addressBytes(family)) return [];
    return [
      {
        interface: attributeText(key.subarray(0, ROUTER_ID_AT)),
        virtualRouterId: key[ROUTER_ID_AT] ?? 0,
        address: key.slice(ADDRESS_AT, ADDRESS_AT + addressBytes(family)),
      },
    ];
  });
}
