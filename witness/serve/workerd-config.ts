/** The settings of `wrangler.toml`, for workerd itself: a test holds the two against each other. */
export const COMPATIBILITY_DATE = '2026-11-02';
export const COMPATIBILITY_FLAGS = ['no_web_socket_compression', 'no_nodejs_global_timers'];
export const OBJECTS = [
  { binding: 'CLUSTERS', className: 'ClusterWitness' },
  { binding: 'DIRECTORY', className: 'ClusterDirectory' },
] as const;

/**
 * Megabytes for what is new. V8 begins with one, and every 200th vote waits a millisecond for its collection; with eight fewer than
 * one in a thousand do, for three.
 */
const V8_FLAGS = ['--min-semi-space-size=8'];

/** Of this host, or of its link: never a webhook's business, whatever else may be. */
const NEVER_REACHED = ['local', '169.254.0.0/16', 'fe80::/10'];

export type WorkerdOptions = {
  /** As workerd wants it: `192.0.2.10:8787`. Null: the socket is inherited. */
  readonly address: string | null;
  /** Where the objects' databases are; absolute. */
  readonly objects: string;
  /** `tls.key` and `tls.crt` lie beside the configuration. */
  readonly tls: boolean;
  /** Whether webhooks may lead into private networks. */
  readonly privateWebhooks: boolean;
};

/**
 * Cap'n Proto text for `workerd serve`. The admin token is no part of it: it comes by the environment. The objects' unique
 * keys are part of where their storage lies, and never change.
 */
export function workerdConfig({ address, objects, tls, privateWebhooks }: WorkerdOptions): string {
  const namespaces = OBJECTS.map(
    ({ className }) => `(className = "${className}", uniqueKey = "tiebreak-${className}", enableSql = true)`,
  );
  const bindings = OBJECTS.map(
    ({ binding, className }) => `(name = "${binding}", durableObjectNamespace = "${className}")`,
  );
  const protocol = tls
    ? 'https = (options = (), tlsOptions = (keypair = (privateKey = embed "tls.key", certificateChain = embed "tls.crt")))'
    : 'http = ()';
  const reachable = privateWebhooks
    ? `allow = ["public", "private"], deny = [${NEVER_REACHED.map(quoted).join(', ')}]`
    : 'allow = ["public"]';
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  v8Flags = [${V8_FLAGS.map(quoted).join(', ')}],
  services = [
    (name = "witness", worker = .witness),
    (name = "objects", disk = (path = ${quoted(objects)}, writable = true)),
    (name = "internet", network = (${reachable}, tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "witness", ${address === null ? '' : `address = ${quoted(address)}, `}${protocol}, service = "witness")],
);

const witness :Workerd.Worker = (
  modules = [(name = "witness.js", esModule = embed "witness.js")],
  compatibilityDate = "${COMPATIBILITY_DATE}",
  compatibilityFlags = [${COMPATIBILITY_FLAGS.map(quoted).join(', ')}],
  durableObjectNamespaces = [${namespaces.join(', ')}],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    ${bindings.join(',\n    ')},
    (name = "TIEBREAK_ADMIN_TOKEN", fromEnvironment = "TIEBREAK_ADMIN_TOKEN"),
    (name = "TIEBREAK_WEBHOOKS_TO_PRIVATE_NETWORKS", text = "${privateWebhooks}"),
  ],
);
`;
}

/** Cap'n Proto's string literals have the escapes of C. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}
