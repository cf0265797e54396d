import { type Advertisement, AUTH_DATA_BYTES } from '@tiebreak/shared/vrrp';

/** RFC 2338 section 5.3.6. */
const NO_AUTHENTICATION = 0;
export const SIMPLE_TEXT_PASSWORD = 1;

/** The authentication data of a password of up to 8 characters: filled up with zeros (RFC 2338 section 5.3.9). */
export function passwordBytes(password: string): Uint8Array {
  const bytes = new Uint8Array(AUTH_DATA_BYTES);
  new TextEncoder().encodeInto(password, bytes);
  return bytes;
}

/**
 * @param password as `passwordBytes` has it; null: none is configured
 *
 * Why an advertisement does not belong to this virtual router; undefined: it does. It keeps apart routers that were
 * given one id by mistake, and nobody else: whoever hears the wire can read the password (RFC 3768 section 10).
 */
export function authenticationProblem(advertisement: Advertisement, password: Uint8Array | null): string | undefined {
  if (advertisement.version !== 2) return undefined;
  const expected = password === null ? NO_AUTHENTICATION : SIMPLE_TEXT_PASSWORD;
  const { authData, authType } = advertisement;
  if (authType !== expected) return `authentication type ${authType}; type ${expected} is configured here`;
  if (password === null) return undefined;
  return password.every((byte, index) => byte === authData[index]) ? undefined : 'another auth_pass';
}
