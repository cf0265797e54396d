import type { FloatingIpConfig, FloatingIpCredential } from './types.ts';

export type ParsedCredential =
  | { readonly ok: true; readonly value: FloatingIpCredential }
  | { readonly ok: false; readonly line: number | null; readonly message: string };

const MIN_TOKEN_LENGTH = 16;

/** The file with the secret that `config` names, and how to read it; null: it needs none. */
export function credentialFileOf(
  config: FloatingIpConfig,
): { readonly file: string; readonly parse: (text: string) => ParsedCredential } | null {
  switch (config.provider) {
    case 'digitalocean':
    case 'hetzner':
      return { file: config.tokenFile, parse: parseToken };
    case 'aws':
      return config.credentialsFile === null ? null : { file: config.credentialsFile, parse: parseAwsCredentials };
  }
}

function parseToken(text: string): ParsedCredential {
  const token = text.trim();
  if (token === '') return { ok: false, line: null, message: 'is empty: put the API token of the cloud there' };
  if (!/^[\x21-\x7e]+$/.test(token) || token.length < MIN_TOKEN_LENGTH) {
    return { ok: false, line: null, message: 'must hold the API token of the cloud, as one word, and nothing else' };
  }
  return { ok: true, value: { kind: 'token', token } };
}

/** The form of ~/.aws/credentials; the section [default], or what stands before any section. */
function parseAwsCredentials(text: string): ParsedCredential {
  const values = new Map<string, string>();
  let section = 'default';
  for (const [index, raw] of text.split('\n').entries()) {
    const content = raw.trim();
    if (content === '' || content.startsWith('#') || content.startsWith(';')) continue;
    const header = /^\[\s*([^\]]+?)\s*\]$/.exec(content)?.[1];
    if (header !== undefined) {
      section = header;
      continue;
    }
    const [, key, value] = /^([A-Za-z_]+)\s*=\s*(\S+)$/.exec(content) ?? [];
    if (key === undefined || value === undefined) {
      if (section !== 'default') continue;
      return { ok: false, line: index + 1, message: "is not 'KEY = VALUE'" };
    }
    if (section === 'default') values.set(key.toLowerCase(), value);
  }
  const accessKeyId = values.get('aws_access_key_id');
  const secretAccessKey = values.get('aws_secret_access_key');
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const message = 'needs aws_access_key_id and aws_secret_access_key in its section [default]';
    return { ok: false, line: null, message };
  }
  const sessionToken = values.get('aws_session_token') ?? null;
  return { ok: true, value: { kind: 'aws', accessKeyId, secretAccessKey, sessionToken } };
}
