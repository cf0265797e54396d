/** The token of `Authorization: Bearer TOKEN` (RFC 6750, 2.1); null if there is none. */
export function bearerToken(authorization: string | null | undefined): string | null {
  return /^Bearer +([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1] ?? null;
}
