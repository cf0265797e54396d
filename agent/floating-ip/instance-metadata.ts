import { z } from 'zod';
import type { FloatingIpCredential } from '../config/index.ts';
import type { ApiClient } from './api-client.ts';
import { readJson } from './json-answer.ts';
import { type Call, type Failure, lasting, passing } from './provider.ts';

// The instance metadata service of EC2, version 2: a token first, then what one wants to know.

const TOKEN_LIFETIME_S = 60;
const ROLE = '/latest/meta-data/iam/security-credentials/';

const RoleCredentials = z.object({
  AccessKeyId: z.string(),
  SecretAccessKey: z.string(),
  Token: z.string(),
  Expiration: z.string(),
});

export type AwsKeys = Extract<FloatingIpCredential, { kind: 'aws' }>;
export type RoleKeys = { readonly kind: 'keys'; readonly keys: AwsKeys; readonly expiresAtMs: number };
type Text = { readonly kind: 'text'; readonly text: string } | Failure;

/** Where this instance is and which network interface is its first. */
export async function readPlace(
  client: ApiClient,
  metadataUrl: string,
  call: Call,
): Promise<{ readonly kind: 'place'; readonly region: string; readonly networkInterface: string } | Failure> {
  const read = await openSession(client, metadataUrl, call);
  if ('kind' in read) return read;
  const region = await read('/latest/meta-data/placement/region');
  if (region.kind === 'failed') return region;
  const mac = await read('/latest/meta-data/mac');
  if (mac.kind === 'failed') return mac;
  const device = await read(`/latest/meta-data/network/interfaces/macs/${encodeURIComponent(mac.text)}/interface-id`);
  if (device.kind === 'failed') return device;
  return { kind: 'place', region: region.text, networkInterface: device.text };
}

/** The temporary keys of the instance's role; `expiresAtMs` by the wall clock. */
export async function readRoleKeys(client: ApiClient, metadataUrl: string, call: Call): Promise<RoleKeys | Failure> {
  const read = await openSession(client, metadataUrl, call);
  if ('kind' in read) return read;
  const roles = await read(ROLE);
  if (roles.kind === 'failed') {
    const advice = "give the instance a role, or write the path of a file with keys: credentials_file = '…'";
    return { ...roles, text: `no role: ${roles.text}; ${advice}` };
  }
  const role = roles.text.split('\n')[0] ?? '';
  const answer = await read(`${ROLE}${encodeURIComponent(role)}`);
  if (answer.kind === 'failed') return answer;
  const keys = readJson(
    RoleCredentials,
    { kind: 'answer', status: 200, headers: new Map(), text: answer.text },
    `the metadata service, asked for the keys of the role ${role},`,
  );
  if ('kind' in keys) return keys;
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken, Expiration } = keys.value;
  const expiresAtMs = Date.parse(Expiration);
  if (Number.isNaN(expiresAtMs)) return passing(`the keys of the role ${role} say no time at which they expire`);
  return { kind: 'keys', keys: { kind: 'aws', accessKeyId, secretAccessKey, sessionToken }, expiresAtMs };
}

async function openSession(
  client: ApiClient,
  metadataUrl: string,
  call: Call,
): Promise<((path: string) => Promise<Text>) | Failure> {
  const lifetime = { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_LIFETIME_S) };
  const opened = await client.send({ method: 'PUT', url: `${metadataUrl}/latest/api/token`, headers: lifetime }, call);
  if (opened.kind === 'failed') return { ...opened, text: `the metadata service: ${opened.text}` };
  if (opened.status !== 200) {
    return lasting(
      `the metadata service gives no token (HTTP ${opened.status}): is this an EC2 instance with IMDS on?`,
    );
  }
  const headers = { 'x-aws-ec2-metadata-token': opened.text.trim() };
  return async (path) => {
    const answer = await client.send({ method: 'GET', url: `${metadataUrl}${path}`, headers }, call);
    if (answer.kind === 'failed') return { ...answer, text: `the metadata service: ${answer.text}` };
    const text = answer.text.trim();
    if (answer.status === 200 && text !== '') return { kind: 'text', text };
    const what = `the metadata service answers HTTP ${answer.status} to ${path}`;
    return answer.status >= 500 ? passing(what) : lasting(what);
  };
}
