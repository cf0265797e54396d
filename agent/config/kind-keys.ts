/** Keys of a check that only some kinds of checks have. */
const LOOKED_AT = ['command', 'http', 'tcp', 'process', 'file', 'interface', 'arp'] as const;
const KINDS_OF = {
  user: ['command'],
  status: ['http'],
  body: ['http'],
  server_name: ['http'],
  insecure: ['http'],
  quorum: ['process'],
  up_delay: ['interface'],
  down_delay: ['interface'],
  ttl: ['push'],
  timeout: ['command', 'http', 'tcp', 'file', 'arp'],
  reverse: LOOKED_AT,
} as const;
type KindKey = keyof typeof KINDS_OF;

const KIND_KEYS: readonly KindKey[] = [
  'user',
  'status',
  'body',
  'server_name',
  'insecure',
  'quorum',
  'up_delay',
  'down_delay',
  'ttl',
  'timeout',
  'reverse',
];

/** The keys of a check that would have no effect there. */
export function foreignKeys(check: { readonly [key: string]: unknown }): KindKey[] {
  return KIND_KEYS.filter(
    (key) => check[key] !== undefined && !KINDS_OF[key].some((kind) => check[kind] !== undefined),
  );
}

export function ofKinds(key: KindKey): string {
  const kinds: readonly string[] = KINDS_OF[key];
  const last = kinds.at(-1);
  const named = kinds.length === 1 ? last : `${kinds.slice(0, -1).join(', ')} and ${last}`;
  return `is for checks by ${named} only`;
}
