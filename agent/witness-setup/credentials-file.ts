import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseJson } from '@tiebreak/shared/wire';
import { z } from 'zod';
import { describeFileError } from '../failure-text.ts';

const READABLE_BY_OTHERS = 0o077;
const ADMIN_TOKEN = /^[\x21-\x7e]{16,}$/;

const Credentials = z.object({
  url: z.string(),
  admin_token: z.string().regex(ADMIN_TOKEN),
  /** The name of the Worker, if it was deployed from here. */
  worker: z.string().optional(),
});
/** How an operator reaches a witness. */
export type Credentials = z.infer<typeof Credentials>;

export type ReadCredentials =
  | { readonly kind: 'found'; readonly credentials: Credentials }
  | { readonly kind: 'none' }
  | { readonly kind: 'unusable'; readonly reason: string };

type Environment = { readonly [name: string]: string | undefined };

/** `$XDG_CONFIG_HOME/tiebreak/witness.json`, or the same in ~/.config. */
export function defaultCredentialsFile(environment: Environment): string {
  const { XDG_CONFIG_HOME: configured } = environment;
  // An empty or relative one is to be ignored (XDG Base Directory Specification).
  const folder = configured?.startsWith('/') ? configured : join(home(), '.config');
  return join(folder, 'tiebreak', 'witness.json');
}

/** A service's user need have none (systemd's DynamicUser=), and no such file either. */
function home(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}

export function isAdminToken(text: string): boolean {
  return ADMIN_TOKEN.test(text);
}

/** The mode is read from the open file. The reason never holds what the file does. */
export function readCredentials(file: string): ReadCredentials {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const { mode } = fstatSync(descriptor);
    if ((mode & READABLE_BY_OTHERS) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      return { kind: 'unusable', reason: `${file}: others may use it (mode ${shown}); do: chmod 600 ${file}` };
    }
    const parsed = Credentials.safeParse(parseJson(readFileSync(descriptor, 'utf8')));
    if (parsed.success) return { kind: 'found', credentials: parsed.data };
    return { kind: 'unusable', reason: `${file}: is not what 'tiebreak witness deploy' writes: url and admin_token` };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kind: 'none' };
    return { kind: 'unusable', reason: `${file}: ${describeFileError(error)}` };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

export function credentialsText(credentials: Credentials): string {
  return `${JSON.stringify(credentials, null, 2)}\n`;
}
