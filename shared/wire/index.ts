export * from './backup.ts';
export * from './events.ts';
export * from './health.ts';
export * from './identifiers.ts';
export { parseJson } from './json.ts';
export { agreedProtocol, WITNESS_PROTOCOLS } from './protocols.ts';
export { readRequest } from './read-request.ts';
export * from './report.ts';
export {
  DATAGRAM_BYTES_MAX,
  decodeSideband,
  encodeSideband,
  type SidebandHeader,
  type SidebandMessage,
} from './sideband.ts';
export {
  type HmacSha256,
  type MetPeer,
  type OpenFailure,
  type SessionKey,
  SidebandSession,
} from './sideband-session.ts';
export * from './webhooks.ts';
export * from './witness.ts';
export * from './witness-api.ts';
