import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ClusterBackup, LocationHint, parseJson } from '@tiebreak/shared/wire';
import { type Command, Option } from 'commander';
import { describeFileError } from '../../failure-text.ts';
import { type Access, AdminApi, prepareSecretFile } from '../../witness-setup/index.ts';
import { askFor } from '../ask-for.ts';
import { EXIT } from '../exit-code.ts';
import { fail } from '../fail.ts';
import { type ClusterOptions, chooseAccess, withCluster } from './access-options.ts';

const READABLE_BY_OTHERS = 0o077;

type BackupOptions = ClusterOptions & { readonly out?: string; readonly retire?: true; readonly confirm?: string };
type RestoreOptions = ClusterOptions & { readonly location?: LocationHint; readonly confirm?: string };

export function registerBackup(witness: Command): void {
  withCluster(witness.command('backup'))
    .description('save what a cluster can be restored from: a secret, for whoever has it can speak as the witness')
    .option('--out <file>', '- is the standard output; by default CLUSTER.backup.json')
    .option('--retire', 'then end the cluster here for good, so that it can be restored elsewhere')
    .option('--confirm <cluster>', "with --retire the cluster's name once more, for scripts")
    .action(async (options: BackupOptions) => {
      process.exitCode = await backUp(options);
    });
  withCluster(witness.command('restore'))
    .description("restore a cluster that is retired or lost; asks you to type the cluster's name")
    .argument('<file>', 'from tiebreak witness backup')
    .addOption(new Option('--location <hint>', 'near which region it is restored').choices(LocationHint.options))
    .option('--confirm <cluster>', "the cluster's name once more, for scripts")
    .action(async (file: string, options: RestoreOptions) => {
      process.exitCode = await restore(file, options);
    });
}

async function backUp(options: BackupOptions): Promise<number> {
  const { cluster, out = `${cluster}.backup.json`, retire } = options;
  if (retire === true && out === '-') {
    process.stderr.write('tiebreak: --retire needs a file: what is printed may be lost, and the cluster with it\n');
    return EXIT.usage;
  }
  const access = chooseAccess(options);
  if (access === undefined) return EXIT.usage;
  const api = new AdminApi(access);
  if (out === '-') {
    const backup = await api.backup(cluster);
    if (!backup.ok) return fail(backup.error);
    process.stdout.write(`${JSON.stringify(backup.value)}\n`);
    return EXIT.good;
  }
  const failed = await saveBackup(api, cluster, resolve(out));
  if (failed !== undefined) return fail(failed);
  process.stdout.write(`${cluster} is saved in ${out}: keep it secret\n`);
  return retire === true ? retireCluster(api, options) : EXIT.good;
}

async function saveBackup(api: AdminApi, cluster: string, file: string): Promise<string | undefined> {
  const prepared = prepareSecretFile(file, { replace: false });
  if (!prepared.ok) return prepared.reason;
  const backup = await api.backup(cluster);
  if (!backup.ok) {
    prepared.file.abandon();
    return backup.error;
  }
  const written = prepared.file.write(`${JSON.stringify(backup.value)}\n`);
  return written.ok ? undefined : `${file} could not be written: ${written.reason}`;
}

async function retireCluster(api: AdminApi, { cluster, confirm }: BackupOptions): Promise<number> {
  const warning = `From now on the witness refuses every node of ${cluster}, until the cluster is restored somewhere. Do it while the nodes hear each other: a group that rests on the witness's vote loses it.`;
  const typed = confirm ?? (await askFor(`Type the cluster's name, ${cluster}, to go on: `, warning));
  if (typed !== cluster) return fail(`not retired: the name to type was ${cluster}`);
  const retired = await api.retire(cluster);
  if (!retired.ok) return fail(retired.error);
  process.stdout.write(`${cluster} is retired: it refuses everybody\n`);
  return EXIT.good;
}

async function restore(file: string, options: RestoreOptions): Promise<number> {
  const { cluster, confirm } = options;
  const access = chooseAccess(options);
  if (access === undefined) return EXIT.usage;
  const read = readBackup(file);
  if (!read.ok) {
    process.stderr.write(`tiebreak: ${file}: ${read.reason}\n`);
    return EXIT.usage;
  }
  if (read.backup.cluster !== cluster) {
    const reason = `is the backup of ${read.backup.cluster}, not of ${cluster}`;
    process.stderr.write(`tiebreak: ${file}: ${reason}; a cluster is restored under its own name only\n`);
    return EXIT.usage;
  }
  const warning = `If the witness that this backup was taken of (${read.backup.taken_at}) still votes anywhere, there will be two votes, and may be two owners. Go on only if it was retired, or is gone for good.`;
  const typed = confirm ?? (await askFor(`Type the cluster's name, ${cluster}, to go on: `, warning));
  if (typed !== cluster) return fail(`not restored: the name to type was ${cluster}`);
  return restoreInto(access, read.backup, options);
}

async function restoreInto(access: Access, backup: ClusterBackup, { location }: RestoreOptions): Promise<number> {
  const restored = await new AdminApi(access).restore(backup, location);
  if (!restored.ok) return fail(restored.error);
  const { cluster } = backup;
  process.stdout.write(
    `${cluster} is restored at ${access.url}: the tokens of its nodes are good, and it votes in 10 s at the earliest. Their [witness] url must lead there\n`,
  );
  return EXIT.good;
}

type ReadBackup =
  | { readonly ok: true; readonly backup: ClusterBackup }
  | { readonly ok: false; readonly reason: string };

/** The reason never holds what the file does. */
function readBackup(file: string): ReadBackup {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    if ((fstatSync(descriptor).mode & READABLE_BY_OTHERS) !== 0) {
      process.stderr.write(`warning: ${file} is a secret, and others may use it; do: chmod 600 ${file}\n`);
    }
    const parsed = ClusterBackup.safeParse(parseJson(readFileSync(descriptor, 'utf8')));
    if (parsed.success) return { ok: true, backup: parsed.data };
    return { ok: false, reason: 'is not the backup of a cluster, or of a later version' };
  } catch (error) {
    return { ok: false, reason: describeFileError(error) };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
