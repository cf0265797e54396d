import { isAdminToken, readCredentials } from './credentials-file.ts';
import { parseWitnessUrl } from './witness-url.ts';

export type Access = {
  readonly url: string;
  readonly adminToken: string;
  /** Where the admin token came from, for whoever has to mend it. */
  readonly source: string;
};

export type FoundAccess =
  | { readonly ok: true; readonly access: Access; readonly warning: string | undefined }
  | { readonly ok: false; readonly reason: string };

export const ADMIN_TOKEN_VARIABLE = 'TIEBREAK_ADMIN_TOKEN';

/**
 * Which witness, and the right to administer it: both from the credentials file, or the URL as given and the admin token
 * from the environment. Never from the command line, which everybody on the host can read.
 */
export function findAccess(given: {
  readonly url: string | undefined;
  readonly file: string;
  readonly adminToken: string | undefined;
}): FoundAccess {
  const { url, file, adminToken } = given;
  if (url !== undefined) return accessAt('--url', url, adminToken, `the environment variable ${ADMIN_TOKEN_VARIABLE}`);
  const read = readCredentials(file);
  switch (read.kind) {
    case 'found':
      return accessAt(`${file}: url`, read.credentials.url, read.credentials.admin_token, file);
    case 'unusable':
      return { ok: false, reason: read.reason };
    case 'none':
      return {
        ok: false,
        reason: `which witness? There is no ${file}, as 'tiebreak witness deploy' leaves it: give --url, and the admin token in ${ADMIN_TOKEN_VARIABLE}`,
      };
  }
}

function accessAt(what: string, text: string, adminToken: string | undefined, source: string): FoundAccess {
  const parsed = parseWitnessUrl(text);
  if (!parsed.ok) return { ok: false, reason: `${what} ${parsed.reason}` };
  if (adminToken === undefined || !isAdminToken(adminToken)) {
    return { ok: false, reason: `${source} must hold the admin token: 16 or more letters, digits or signs` };
  }
  return { ok: true, access: { url: parsed.url, adminToken, source }, warning: parsed.warning };
}
