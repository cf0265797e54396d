import { AwsV4Signer } from 'aws4fetch';
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { isPassing } from './answer-status.ts';
import type { ApiAnswer, ApiClient } from './api-client.ts';
import type { AwsKeys } from './instance-metadata.ts';
import { type Call, type Failure, lasting, passing } from './provider.ts';
import { retryAfterMs } from './rate-limit.ts';
import { quote } from './words.ts';

// The query API of EC2: a form, signed (Signature Version 4), answered by XML. The one version that it has had for years.

const VERSION = '2016-11-15';
const WHO = 'EC2';

const ErrorAnswer = z.object({
  Response: z.object({
    Errors: z.object({ Error: z.object({ Code: z.string(), Message: z.string().optional() }) }),
  }),
});

/** What changes by itself, other than by status 500 and up: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
const PASSING_CODES = ['RequestLimitExceeded', 'Throttling', 'ThrottlingException', 'IncorrectState', 'RequestTimeout'];
const KEY_CODES = ['AuthFailure', 'ExpiredToken', 'InvalidClientTokenId', 'RequestExpired', 'SignatureDoesNotMatch'];

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  isArray: (name: string) => name === 'item',
});

/** A set of EC2's XML: an empty element, or one with items. */
export function setOf<T>(item: z.ZodType<T>) {
  return z.union([
    z.literal('').transform((): T[] => []),
    z.object({ item: z.array(item) }).transform((set): T[] => set.item),
  ]);
}

export type Ec2Endpoint = { readonly region: string; readonly url: string | null };

/** Whether the keys were refused: other ones may do. */
export type Ec2Failure = Failure & { readonly keysRefused?: boolean };

/** One action of EC2. `schema` describes the element `<ACTION>Response`; parameters go as they are. */
export async function askEc2<T>(
  client: ApiClient,
  { region, url }: Ec2Endpoint,
  keys: AwsKeys,
  action: string,
  parameters: Readonly<Record<string, string>>,
  schema: z.ZodType<T>,
  call: Call,
): Promise<{ readonly ok: true; readonly value: T } | Ec2Failure> {
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const body = new URLSearchParams({ Action: action, Version: VERSION, ...parameters }).toString();
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const signed = await new AwsV4Signer({
    method: 'POST',
    url: `${url ?? `https://ec2.${region}.${domain}`}/`,
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === null ? {} : { sessionToken }),
    service: 'ec2',
    region,
  }).sign();
  const headers = Object.fromEntries(signed.headers.entries());
  const answer = await client.send({ method: 'POST', url: signed.url.href, headers, body }, call);
  if (answer.kind === 'failed') return answer;
  const document = parse(answer.text);
  if (answer.status !== 200) return failureOf(answer, document, action, keys);
  const read = z.object({ [`${action}Response`]: schema }).safeParse(document);
  const value = read.success ? read.data[`${action}Response`] : undefined;
  if (value === undefined) return passing(`${WHO} answers ${action} with something that is not of its API`);
  return { ok: true, value };
}

/** undefined: not XML, or XML of a kind that EC2 never writes. */
function parse(text: string): unknown {
  if (text.includes('<!DOCTYPE')) return undefined;
  try {
    return parser.parse(text);
  } catch {
    return undefined;
  }
}

function failureOf(answer: ApiAnswer, document: unknown, action: string, keys: AwsKeys): Ec2Failure {
  const { status, headers } = answer;
  const error = ErrorAnswer.safeParse(document).data?.Response.Errors.Error;
  const code = error?.Code ?? '';
  const secrets = [keys.secretAccessKey, keys.sessionToken ?? ''];
  const said = error === undefined ? '' : `: ${quote(`${code}: ${error.Message ?? ''}`, secrets)}`;
  const text = `${WHO} answers ${action} with HTTP ${status}${said}`;
  if (isPassing(status) || PASSING_CODES.includes(code)) return passing(text, retryAfterMs(headers, Date.now()));
  if (KEY_CODES.includes(code)) {
    return { ...lasting(`${text}; are the keys valid, and is this host's clock right?`), keysRefused: true };
  }
  if (code === 'UnauthorizedOperation') return lasting(`${text}; the role or user needs the permission ec2:${action}`);
  return lasting(text);
}
