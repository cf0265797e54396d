import { createHash, createHmac } from 'node:crypto';
import { type Asked, type Listen, type Reply, type Server, serve } from './stand-in.ts';

/** The keys of the role that the metadata service gives out. */
export const ROLE_KEYS = {
  accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  sessionToken: 'IQoJb3JpZ2luX2VjEXAMPLE//token==',
};

type Options = Listen & {
  readonly region?: string;
  readonly interfaces?: readonly [string, ...string[]];
  readonly elasticIp?: string;
  /** The network interface that has the Elastic IP and the secondary address, and to which the routes lead. */
  readonly assignedTo?: string | null;
  readonly routeTables?: readonly string[];
  readonly destination?: string;
  /** How many looks after an assignment still show what was before it: EC2 is consistent in the end only. */
  readonly staleLooks?: number;
  readonly hasRole?: boolean;
  readonly roleKeysLiveMs?: number;
};

export type Aws = Server & {
  readonly assignedTo: string | null;
  readonly move: (networkInterface: string | null) => void;
  /** The names of the EC2 actions that were asked for, in their order. */
  readonly actions: () => readonly string[];
};

const METADATA_TOKEN = 'AQAEAMETADATATOKEN==';
const MAC = '0e:49:61:0f:c3:11';

/** A stand-in for the parts of EC2's query API and of the instance metadata service that are about moving addresses. */
export async function start({
  region = 'eu-central-1',
  interfaces = ['eni-0000000a', 'eni-0000000b'],
  elasticIp = '203.0.113.30',
  assignedTo: first = null,
  routeTables = ['rtb-00000001', 'rtb-00000002'],
  destination = '10.9.9.9/32',
  staleLooks = 0,
  hasRole = true,
  roleKeysLiveMs = 3_600_000,
  ...listen
}: Options = {}): Promise<Aws> {
  let assignedTo = first;
  let shown = first;
  let stale = 0;
  const routes = new Map(routeTables.map((table) => [table, first]));

  const metadata = ({ method, path, headers }: Asked): Reply => {
    if (path === '/latest/api/token') {
      return method === 'PUT' && Number(headers['x-aws-ec2-metadata-token-ttl-seconds']) > 0
        ? { status: 200, body: METADATA_TOKEN }
        : { status: 400, body: '' };
    }
    if (headers['x-aws-ec2-metadata-token'] !== METADATA_TOKEN) return { status: 401, body: '' };
    const roles = '/latest/meta-data/iam/security-credentials/';
    const known: Record<string, string> = {
      '/latest/meta-data/placement/region': region,
      '/latest/meta-data/mac': MAC,
      [`/latest/meta-data/network/interfaces/macs/${encodeURIComponent(MAC)}/interface-id`]: interfaces[0],
    };
    if (hasRole) {
      known[roles] = 'router';
      known[`${roles}router`] = JSON.stringify({
        Code: 'Success',
        Type: 'AWS-HMAC',
        AccessKeyId: ROLE_KEYS.accessKeyId,
        SecretAccessKey: ROLE_KEYS.secretAccessKey,
        Token: ROLE_KEYS.sessionToken,
        Expiration: new Date(Date.now() + roleKeysLiveMs).toISOString(),
      });
    }
    const body = known[path];
    return body === undefined ? { status: 404, body: 'Not Found' } : { status: 200, body };
  };

  const look = (): string | null => {
    if (stale > 0) stale -= 1;
    else shown = assignedTo;
    return shown;
  };
  const take = (networkInterface: string | null): Reply | undefined => {
    if (networkInterface === null || !interfaces.includes(networkInterface)) {
      return error(
        400,
        'InvalidNetworkInterfaceID.NotFound',
        `The networkInterface ID '${networkInterface}' does not exist`,
      );
    }
    assignedTo = networkInterface;
    stale = staleLooks;
    return undefined;
  };

  const act = (action: string | null, form: URLSearchParams): Reply => {
    switch (action) {
      case 'DescribeAddresses': {
        if (form.get('PublicIp.1') !== elasticIp) {
          return error(400, 'InvalidAddress.NotFound', `Address '${form.get('PublicIp.1')}' not found.`);
        }
        const at = look();
        const association =
          at === null
            ? ''
            : `<associationId>eipassoc-1</associationId><instanceId>${instanceOf(at)}</instanceId>
          <networkInterfaceId>${at}</networkInterfaceId><privateIpAddress>10.0.0.5</privateIpAddress>`;
        return ok(
          action,
          `<addressesSet><item><publicIp>${elasticIp}</publicIp><allocationId>eipalloc-1</allocationId>
          <domain>vpc</domain>${association}</item></addressesSet>`,
        );
      }
      case 'AssociateAddress':
        if (form.get('AllocationId') !== 'eipalloc-1') return error(400, 'InvalidAllocationID.NotFound', 'no such');
        if (form.get('AllowReassociation') !== 'true' && assignedTo !== null) {
          return error(400, 'Resource.AlreadyAssociated', `resource ${elasticIp} is already associated`);
        }
        return (
          take(form.get('NetworkInterfaceId')) ??
          ok(action, '<return>true</return><associationId>eipassoc-2</associationId>')
        );
      case 'DescribeNetworkInterfaces': {
        const at = look();
        const item =
          at === null
            ? ''
            : `<item><networkInterfaceId>${at}</networkInterfaceId><status>in-use</status>
          <attachment><instanceId>${instanceOf(at)}</instanceId></attachment></item>`;
        return ok(
          action,
          item === '' ? '<networkInterfaceSet/>' : `<networkInterfaceSet>${item}</networkInterfaceSet>`,
        );
      }
      case 'AssignPrivateIpAddresses':
        if (form.get('AllowReassignment') !== 'true' && assignedTo !== null) {
          return error(400, 'InvalidParameterValue', `[${form.get('PrivateIpAddress.1')}] has already been assigned`);
        }
        return take(form.get('NetworkInterfaceId')) ?? ok(action, '<return>true</return>');
      case 'DescribeRouteTables': {
        const asked = [...form].flatMap(([key, value]) => (key.startsWith('RouteTableId.') ? [value] : []));
        const items = asked.map((table) => {
          const at = routes.get(table) ?? null;
          const target =
            at === null
              ? '<gatewayId>igw-1</gatewayId>'
              : `<instanceId>${instanceOf(at)}</instanceId>
            <networkInterfaceId>${at}</networkInterfaceId>`;
          return `<item><routeTableId>${table}</routeTableId><routeSet>
            <item><destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId></item>
            <item><destinationCidrBlock>${destination}</destinationCidrBlock>${target}<state>active</state></item>
            </routeSet></item>`;
        });
        return ok(action, `<routeTableSet>${items.join('')}</routeTableSet>`);
      }
      case 'ReplaceRoute': {
        const table = form.get('RouteTableId') ?? '';
        const to = form.get('DestinationCidrBlock');
        if (!routes.has(table)) return error(400, 'InvalidRouteTableID.NotFound', `no ${table}`);
        if (to !== destination) return error(400, 'InvalidParameterValue', `There is no route defined for '${to}'`);
        routes.set(table, form.get('NetworkInterfaceId'));
        return ok(action, '<return>true</return>');
      }
      default:
        return error(400, 'InvalidAction', `The action ${action} is not valid for this web service.`);
    }
  };

  const answer = (asked: Asked): Reply => {
    if (asked.path.startsWith('/latest/')) return metadata(asked);
    if (!isSigned(asked, region)) return error(403, 'SignatureDoesNotMatch', `no match: ${ROLE_KEYS.secretAccessKey}`);
    const form = new URLSearchParams(asked.body);
    return act(form.get('Action'), form);
  };

  const server = await serve(answer, listen);
  return {
    ...server,
    get assignedTo(): string | null {
      return assignedTo;
    },
    move: (to) => {
      assignedTo = to;
      shown = to;
      for (const table of routes.keys()) routes.set(table, to);
    },
    actions: () => server.calls.flatMap(({ body }) => new URLSearchParams(body).get('Action') ?? []),
  };
}

function instanceOf(networkInterface: string): string {
  return networkInterface.replace('eni-', 'i-');
}

function ok(action: string, inside: string): Reply {
  const namespace = 'http://ec2.amazonaws.com/doc/2016-11-15/';
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<${action}Response xmlns="${namespace}">
    <requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>${inside}</${action}Response>`;
  return { status: 200, body, headers: { 'content-type': 'text/xml;charset=UTF-8' } };
}

export function error(status: number, code: string, message: string): Reply {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message>
    </Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>`;
  return { status, body, headers: { 'content-type': 'text/xml;charset=UTF-8' } };
}

/** Signature Version 4, reckoned here from what came, so that a wrong signature is noticed. */
function isSigned({ method, path, headers, body }: Asked, region: string): boolean {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/ec2\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)$/.exec(
      headers.authorization ?? '',
    );
  const [, id, day = '', signedRegion, names = '', signature] = match ?? [];
  const time = headers['x-amz-date'] ?? '';
  if (id !== ROLE_KEYS.accessKeyId || signedRegion !== region || !time.startsWith(day)) return false;
  if (headers['x-amz-security-token'] !== ROLE_KEYS.sessionToken) return false;
  const canonicalHeaders = names.split(';').map((name) => `${name}:${headers[name]?.trim()}\n`);
  const canonical = [method, path, '', canonicalHeaders.join(''), names, sha256(body)].join('\n');
  const scope = `${day}/${region}/ec2/aws4_request`;
  const key = [day, region, 'ec2', 'aws4_request'].reduce<Buffer | string>(
    (former, part) => hmac(former, part),
    `AWS4${ROLE_KEYS.secretAccessKey}`,
  );
  const expected = hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')).toString('hex');
  return signature === expected;
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
