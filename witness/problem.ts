/** Every error of the API, as RFC 9457 wants it; `code` is stable, the texts are for people. */
export const PROBLEMS = {
  not_configured: [
    503,
    'Service Unavailable',
    'the secret TIEBREAK_ADMIN_TOKEN is not set, or shorter than 16 characters: set it (wrangler secret put TIEBREAK_ADMIN_TOKEN)',
  ],
  unauthorized: [401, 'Unauthorized', 'this needs a token that is good here: Authorization: Bearer TOKEN'],
  admin_only: [403, 'Forbidden', 'this needs the admin token, and no other'],
  not_found: [404, 'Not Found', 'there is nothing at this path, or not with this method'],
  unknown_cluster: [404, 'Not Found', 'no such cluster; PUT /v1/clusters/{cluster} creates one'],
  unknown_node: [404, 'Not Found', 'this cluster has no such node'],
  unknown_holder: [404, 'Not Found', 'this cluster has issued no such token'],
  unknown_webhook: [404, 'Not Found', 'this cluster has no such webhook'],
  unknown_group: [404, 'Not Found', 'nobody has asked for a vote in this group, or reported it, yet'],
  cluster_exists: [
    409,
    'Conflict',
    'there is a cluster of this name already, and it stays as it is; DELETE /v1/clusters/{cluster} ends it for good',
  ],
  other_cluster: [409, 'Conflict', 'this is the backup of another cluster; one is restored under its own name only'],
  too_many_nodes: [409, 'Conflict', 'this cluster has as many nodes as it can'],
  too_many_holders: [409, 'Conflict', 'this cluster has issued as many such tokens as it can'],
  too_many_streams: [409, 'Conflict', 'as many streams of events are open as can be'],
  too_many_webhooks: [409, 'Conflict', 'this cluster has as many webhooks as it can'],
  too_many_checks: [409, 'Conflict', 'this cluster has as many checks with reports as it can'],
  too_many_requests: [429, 'Too Many Requests', 'this caller asks too often; wait a second'],
  too_many_failures: [429, 'Too Many Requests', 'too many bad tokens have come from this address; wait a minute'],
  too_slow: [408, 'Request Timeout', 'the request was not complete, or not answered, within 10 s'],
  too_large: [413, 'Content Too Large', 'the body is longer than 64 KiB; alerts and backups may have 256 KiB'],
  bad_name: [400, 'Bad Request', 'a name has lower-case letters, digits, dot, dash and underscore; 1 to 63'],
  bad_request: [400, 'Bad Request', 'the body is not the JSON message that belongs here'],
  webhook_no_url: [400, 'Bad Request', 'the webhook is no URL'],
  webhook_not_https: [400, 'Bad Request', 'the URL of a webhook begins with https://'],
  webhook_has_credentials: [
    400,
    'Bad Request',
    'the URL of a webhook holds no user name or password: they would show in logs; the receiver verifies the signature',
  ],
  webhook_not_public: [
    400,
    'Bad Request',
    'the webhook leads into a private network, to the witness itself or to a link-local address',
  ],
  bad_query: [400, 'Bad Request', 'the query is not one that belongs here'],
  protocol: [400, 'Bad Request', 'the agent speaks a protocol version that this witness does not know'],
  upgrade_required: [426, 'Upgrade Required', 'the link is a WebSocket'],
  internal: [500, 'Internal Server Error', 'the witness failed; its log tells why'],
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

export function statusOf(code: ProblemCode): number {
  return PROBLEMS[code][0];
}

export function problem(code: ProblemCode): Response {
  const [status, title, detail] = PROBLEMS[code];
  const headers = new Headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
  if (status === 401) headers.set('www-authenticate', 'Bearer realm="tiebreak witness"');
  if (status === 429) headers.set('retry-after', code === 'too_many_failures' ? '60' : '1');
  if (status === 426) headers.set('upgrade', 'websocket');
  return new Response(JSON.stringify({ type: 'about:blank', title, status, detail, code }), { status, headers });
}
