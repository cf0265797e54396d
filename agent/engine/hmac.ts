import { createHmac } from 'node:crypto';

/** HMAC-SHA256, 32 bytes: what the sideband signs with. */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(data).digest();
}
