import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { CHILD_ENVIRONMENT } from './process.ts';

/** `ip netns` keeps its names in /run/netns, which belongs to the host's root. Only a root may call mount(8), */
const AS_ROOT = ['--user', '--map-root-user', '--mount'];
const OWN_RUN = 'mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/netns && exec "$@"';
/**
 * but tcpdump, where it finds itself root, would become another user, of which there is none here: hence the same user
 * again inside, with every privilege over what belongs to these namespaces.
 */
const AS_USER = ['--user', '--keep-caps', '--net', '--mount'];
/** What the lab does first must succeed: some systems give the namespaces and withhold the privileges. */
const TRIAL = 'ip netns add trial && ip -n trial link add v0 type veth peer name v1';

function inOwnNamespaces(command: readonly string[]): string[] {
  const ids = [`--map-user=${process.getuid?.() ?? 1}`, `--map-group=${process.getgid?.() ?? 1}`];
  return [...AS_ROOT, 'sh', '-c', OWN_RUN, 'sh', 'unshare', ...AS_USER, ...ids, ...command];
}

const SETTINGS = [
  'kernel/unprivileged_userns_clone',
  'kernel/apparmor_restrict_unprivileged_userns',
  'user/max_user_namespaces',
] as const;

export type UserNamespaceSettings = Readonly<Partial<Record<(typeof SETTINGS)[number], string>>>;

/** Why this user cannot have network namespaces of its own; undefined: it can. */
export function ownNamespacesRefused(): string | undefined {
  const trial = spawnSync('unshare', inOwnNamespaces(['sh', '-c', TRIAL]), {
    encoding: 'utf8',
    env: CHILD_ENVIRONMENT,
  });
  if (trial.status === 0) return undefined;
  const settings = Object.fromEntries(SETTINGS.map((name) => [name, settingOf(name)]));
  return refusalInWords(settings, trial.error?.message ?? trial.stderr.trim());
}

/** @param said what the refused command said, for hosts that refuse for a reason not known here */
export function refusalInWords(settings: UserNamespaceSettings, said: string): string {
  if (settings['kernel/unprivileged_userns_clone'] === '0') {
    return 'this host gives user namespaces to root only (kernel.unprivileged_userns_clone = 0)';
  }
  if (settings['user/max_user_namespaces'] === '0') {
    return 'this host allows no user namespaces (user.max_user_namespaces = 0)';
  }
  if (settings['kernel/apparmor_restrict_unprivileged_userns'] === '1') {
    return 'AppArmor takes all privileges from user namespaces here (kernel.apparmor_restrict_unprivileged_userns = 1, as on Ubuntu 24.04)';
  }
  return `user namespaces do not work here (${said})`;
}

/** Runs this very program once more, in namespaces of its own, and returns its exit status. */
export function rerunInOwnNamespaces(): Promise<number> {
  const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn('unshare', inOwnNamespaces(program), {
    stdio: 'inherit',
    env: CHILD_ENVIRONMENT,
  });
  // Ctrl-C reaches both; the inner one tidies up, and this one waits for it.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => resolve(status ?? 1));
  });
}

function settingOf(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch {
    // Kernels without the restriction have no such setting.
    return undefined;
  }
}
