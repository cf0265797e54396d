/** Constants and address structures of Linux, as on every architecture that Node runs on. */

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;

export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_TRUNC = 0x20;

export const POLLIN = 0x1;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;

export const SOL_SOCKET = 1;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_PRIORITY = 12;
export const SO_BINDTODEVICE = 25;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SO_PROTOCOL = 38;

export const IPPROTO_IP = 0;
export const IPPROTO_UDP = 17;
export const IPPROTO_IPV6 = 41;

/** Where the address begins in `struct sockaddr_in6`. */
export const SOCKADDR_IN6_ADDRESS_AT = 8;

/** `struct sockaddr_in`: family in host order, port and address in network order. */
export function sockaddrIn(address: Uint8Array, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  bytes.set(address.subarray(0, 4), 4);
  return bytes;
}

/** `struct sockaddr_in6` without flow or scope; the rest as `sockaddrIn`. */
export function sockaddrIn6(address: Uint8Array, port: number): Uint8Array {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(address.subarray(0, 16), SOCKADDR_IN6_ADDRESS_AT);
  return bytes;
}

/** `struct sockaddr_un`, as long as its path; one that begins with `@` stands for the abstract name after it (unix(7)). */
export function sockaddrUnix(path: string): Uint8Array {
  const name = new TextEncoder().encode(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`);
  const bytes = new Uint8Array(2 + name.length);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(name, 2);
  return bytes;
}

/** `struct sockaddr_nl`. Port id 0: the kernel as destination, or 'choose one for me' in bind. */
export function sockaddrNetlink(portId = 0, groups = 0): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(4, portId, true);
  view.setUint32(8, groups, true);
  return bytes;
}

/** `struct sockaddr_ll`. `protocol` is an EtherType; 0 in bind means: receive nothing. */
export function sockaddrLinkLayer(protocol: number, interfaceIndex: number, destination: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, protocol);
  view.setInt32(4, interfaceIndex, true);
  view.setUint8(11, destination.length);
  bytes.set(destination.subarray(0, 8), 12);
  return bytes;
}
