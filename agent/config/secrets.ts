import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { NODE_TOKEN } from '@tiebreak/shared/wire';
import { describeFileError } from '../failure-text.ts';
import { credentialFileOf } from './floating-ip-credential.ts';
import type {
  Config,
  FloatingIpConfig,
  FloatingIpCredential,
  HmacKey,
  Secrets,
  SidebandKey,
  WitnessCredential,
} from './types.ts';

export type SecretProblem = {
  readonly file: string;
  /** null: the file as a whole */
  readonly line: number | null;
  readonly message: string;
  /** True if the file could not be opened, so that nothing is known about its content. */
  readonly unreadable: boolean;
};

export type LoadedSecrets =
  | { readonly ok: true; readonly secrets: Secrets }
  | { readonly ok: false; readonly problems: readonly SecretProblem[] };

type Parsed<T> = { ok: true; value: T } | { ok: false; line: number | null; message: string };

const KEY_LINE = /^(\d{1,3})[ \t]+([0-9A-Fa-f]+)$/;
const KEY_BYTES = 32;
/** keepalived's limit. */
const HMAC_KEY_BYTES_MAX = 64;
const MAX_KEYS = 16;
/** No key or token file comes near; whatever is larger is another file. */
const MAX_FILE_BYTES = 65_536;
/** A 16-byte secret takes 22 characters of base64; anything much shorter can be guessed. */
const MIN_API_TOKEN_LENGTH = 16;
const READABLE_BY_OTHERS = 0o007;

/** Reads the files that `config` names; all problems at once. Nothing of their content appears in a problem. */
export function loadSecrets(config: Config): LoadedSecrets {
  const problems: SecretProblem[] = [];
  const read = <T>(file: string, parse: (text: string) => Parsed<T>): T | undefined => {
    const content = readSecretFile(file);
    if (!content.ok) {
      problems.push({ file, line: null, message: content.message, unreadable: content.unreadable });
      return undefined;
    }
    const parsed = parse(content.text);
    if (parsed.ok) return parsed.value;
    problems.push({ file, line: parsed.line, message: parsed.message, unreadable: false });
    return undefined;
  };
  const groupKeys = new Map<string, readonly [SidebandKey, ...SidebandKey[]]>();
  const keyFiles = new Map<string, readonly [SidebandKey, ...SidebandKey[]] | undefined>();
  for (const group of config.groups) {
    if (group.mode !== 'lease') continue;
    if (!keyFiles.has(group.keyFile)) keyFiles.set(group.keyFile, read(group.keyFile, parseKeyFile));
    const keys = keyFiles.get(group.keyFile);
    if (keys !== undefined) groupKeys.set(group.name, keys);
  }
  const witness = config.witness === null ? undefined : read(config.witness.tokenFile, parseWitnessToken);
  const hmacKeys = new Map<string, readonly [HmacKey, ...HmacKey[]]>();
  const hmacFiles = config.groups.flatMap((group) => group.virtualRouters.map((router) => router.authHmac?.keyFile));
  for (const file of new Set(hmacFiles)) {
    const keys = file === undefined ? undefined : read(file, (text) => parseKeyFile(text, HMAC_KEY_BYTES_MAX));
    if (file !== undefined && keys !== undefined) hmacKeys.set(file, keys);
  }
  const webhookSecrets = new Map<string, string>();
  for (const { notify } of config.groups) {
    for (const told of notify) {
      if (told.kind !== 'webhook' || told.secretFile === null || webhookSecrets.has(told.secretFile)) continue;
      const secret = read(told.secretFile, parseWebhookSecret);
      if (secret !== undefined) webhookSecrets.set(told.secretFile, secret);
    }
  }
  const apiToken = config.api.tokenFile === null ? undefined : read(config.api.tokenFile, parseApiToken);
  const floatingIpTokens = new Map<string, FloatingIpCredential>();
  const tokenFiles = new Set<string>();
  for (const wanted of config.groups.flatMap((group) => group.floatingIps.map(credentialFileOf))) {
    if (wanted === null || tokenFiles.has(wanted.file)) continue;
    tokenFiles.add(wanted.file);
    const credential = read(wanted.file, wanted.parse);
    if (credential !== undefined) floatingIpTokens.set(wanted.file, credential);
  }
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    secrets: {
      groupKeys,
      witness: witness ?? null,
      apiToken: apiToken ?? null,
      hmacKeys,
      webhookSecrets,
      floatingIpTokens,
    },
  };
}

/** The token as the file holds it now; the running agent reads it again when the witness refuses the former one. */
export function readWitnessToken(
  file: string,
): { readonly ok: true; readonly credential: WitnessCredential } | { readonly ok: false; readonly problem: string } {
  const content = readSecretFile(file);
  if (!content.ok) return { ok: false, problem: `${file}: ${content.message}` };
  const parsed = parseWitnessToken(content.text);
  return parsed.ok ? { ok: true, credential: parsed.value } : { ok: false, problem: `${file}: ${parsed.message}` };
}

/**
 * What a floating IP is kept with, as the file holds it now: the running agent reads it again when the cloud has refused the former
 * one. null: it needs none.
 */
export function readFloatingIpCredential(
  config: FloatingIpConfig,
):
  | { readonly ok: true; readonly credential: FloatingIpCredential | null }
  | { readonly ok: false; readonly problem: string } {
  const wanted = credentialFileOf(config);
  if (wanted === null) return { ok: true, credential: null };
  const { file, parse } = wanted;
  const content = readSecretFile(file);
  if (!content.ok) return { ok: false, problem: `${file}: ${content.message}` };
  const parsed = parse(content.text);
  return parsed.ok
    ? { ok: true, credential: parsed.value }
    : { ok: false, problem: formatSecretProblem({ file, ...parsed }) };
}

/** `/etc/tiebreak/edge.key:2: the key has 31 bytes …` */
export function formatSecretProblem({ file, line, message }: Pick<SecretProblem, 'file' | 'line' | 'message'>): string {
  return line === null ? `${file}: ${message}` : `${file}:${line}: ${message}`;
}

/**
 * Lines of `ID HEX`, blank lines and lines that start with # apart. The first signs, all verify.
 *
 * @param bytesMax the longest key; the shortest has 32 bytes
 */
export function parseKeyFile(text: string, bytesMax = KEY_BYTES): Parsed<readonly [SidebandKey, ...SidebandKey[]]> {
  const keys: SidebandKey[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const content = raw.trim();
    if (content === '' || content.startsWith('#')) continue;
    const key = parseKeyLine(content, bytesMax);
    if (!key.ok) return { ...key, line: index + 1 };
    if (keys.some((other) => other.id === key.value.id)) {
      return { ok: false, line: index + 1, message: `the key ID ${key.value.id} is there twice` };
    }
    keys.push(key.value);
  }
  const [first, ...others] = keys;
  if (first === undefined) {
    return { ok: false, line: null, message: `holds no key; write one with: echo "1 $(openssl rand -hex 32)"` };
  }
  if (keys.length > MAX_KEYS) return { ok: false, line: null, message: `holds more than ${MAX_KEYS} keys` };
  return { ok: true, value: [first, ...others] };
}

function parseKeyLine(content: string, bytesMax: number): Parsed<SidebandKey> {
  const match = KEY_LINE.exec(content);
  const [, id, hex] = match ?? [];
  if (id === undefined || hex === undefined) {
    return { ok: false, line: null, message: `is not 'ID HEX', a number and ${KEY_BYTES * 2} hex digits` };
  }
  if (Number(id) < 1 || Number(id) > 255) return { ok: false, line: null, message: 'the key ID must be 1 to 255' };
  if (hex.length < KEY_BYTES * 2 || hex.length > bytesMax * 2 || hex.length % 2 !== 0) {
    const needed =
      bytesMax === KEY_BYTES ? `${KEY_BYTES * 2} (${KEY_BYTES} bytes)` : `${KEY_BYTES} to ${bytesMax} bytes`;
    const message = `the key has ${hex.length} hex digits and needs ${needed}`;
    return { ok: false, line: null, message };
  }
  const key = new Uint8Array(Buffer.from(hex, 'hex'));
  if (key.every((byte) => byte === key[0])) {
    return { ok: false, line: null, message: 'the key is one byte over and over: make a random one' };
  }
  return { ok: true, value: { id: Number(id), key } };
}

export function parseWitnessToken(text: string): Parsed<WitnessCredential> {
  const token = text.trim();
  const [, witnessId, secret] = NODE_TOKEN.exec(token) ?? [];
  if (token === '') return { ok: false, line: null, message: 'is empty; the witness gives the token at enrolment' };
  if (witnessId === undefined || secret === undefined) {
    return { ok: false, line: null, message: 'is not a token of a witness: it starts with tbn1. and is one line' };
  }
  return { ok: true, value: { token, witnessId, secret: new Uint8Array(Buffer.from(secret, 'hex')) } };
}

function parseApiToken(text: string): Parsed<string> {
  const token = text.trim();
  if (!/^[\x21-\x7e]*$/.test(token))
    return { ok: false, line: null, message: 'must hold one word of plain characters' };
  return token.length < MIN_API_TOKEN_LENGTH
    ? { ok: false, line: null, message: `must hold a token of at least ${MIN_API_TOKEN_LENGTH} characters` }
    : { ok: true, value: token };
}

/** As Standard Webhooks has it: `whsec_` and base64 of 24 to 64 bytes. */
function parseWebhookSecret(text: string): Parsed<string> {
  const secret = text.trim();
  const bytes = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1];
  const length = bytes === undefined ? 0 : Buffer.from(bytes, 'base64').length;
  if (length >= 24 && length <= 64) return { ok: true, value: secret };
  const message = `must hold whsec_ and base64 of 24 to 64 bytes; write one with: echo "whsec_$(openssl rand -base64 32)"`;
  return { ok: false, line: null, message };
}

type SecretFile = { ok: true; text: string } | { ok: false; unreadable: boolean; message: string };

/** The mode is read from the open file: a path could be exchanged between the question and the reading. */
function readSecretFile(file: string): SecretFile {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return { ok: false, unreadable: false, message: 'is not a file' };
    if ((stat.mode & READABLE_BY_OTHERS) !== 0) {
      const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
      return { ok: false, unreadable: false, message: `others may use it (mode ${mode}); do: chmod 600 ${file}` };
    }
    if (stat.size > MAX_FILE_BYTES)
      return { ok: false, unreadable: false, message: 'is too large to be a key or token' };
    return { ok: true, text: readFileSync(descriptor, 'utf8') };
  } catch (error) {
    return { ok: false, unreadable: true, message: describeFileError(error) };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
