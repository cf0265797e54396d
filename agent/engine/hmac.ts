import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** A key as OpenSSL wants it: making one anew for each datagram costs four times the HMAC itself. */
const prepared = new WeakMap<Uint8Array, KeyObject>();

/** HMAC-SHA256, 32 bytes: what the sideband signs with. The bytes of `key` must not change afterwards. */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  let secret = prepared.get(key);
  if (secret === undefined) {
    secret = createSecretKey(key);
    prepared.set(key, secret);
  }
  return createHmac('sha256', secret).update(data).digest();
}
