import { isAbsolute, join, resolve } from 'node:path';
import { LocationHint } from '@tiebreak/shared/wire';
import { type Command, Option } from 'commander';
import {
  type Access,
  AdminApi,
  adviceText,
  adviseInterval,
  judgeTokenFile,
  measureVotes,
} from '../../witness-setup/index.ts';
import { EXIT } from '../exit-code.ts';
import { fail } from '../fail.ts';
import { formatSpan } from '../span.ts';
import { alignColumns } from '../table.ts';
import { type ClusterOptions, chooseAccess, parseName, withCluster } from './access-options.ts';
import { issueInto } from './issue-token.ts';

const REHEARSALS = 20;
const DEFAULT_OUT = '/etc/tiebreak';
const TOKEN_FILE = 'witness.token';

type EnrollOptions = ClusterOptions & {
  readonly out: string;
  readonly location?: LocationHint;
  readonly replace?: true;
  readonly json?: true;
};

type Enrolled = {
  readonly created: boolean;
  readonly witnessId: string;
  readonly token: string;
  readonly issued: boolean;
  readonly file: string;
  /** Its agent runs with this token, or has run until now: the link is that agent's. */
  readonly agentRuns: boolean;
};

export function registerEnroll(witness: Command): void {
  withCluster(witness.command('enroll'))
    .description('give a node its token, try it, and measure the way to the witness; again without harm')
    .argument('<node>', 'by its name in the configuration', parseName)
    .addOption(
      new Option('--location <hint>', 'near which region a new cluster is created').choices(LocationHint.options),
    )
    .option('--out <folder>', 'where witness.token is written; a relative one is to be copied to the node', DEFAULT_OUT)
    .option('--replace', 'void the token that the node has, and overwrite the file')
    .option('--json', 'print the outcome as JSON')
    .addHelpText('after', '\nRun it on the node itself if you can: what it measures is the way from here.')
    .action(async (node: string, options: EnrollOptions) => {
      process.exitCode = await enroll(node, options);
    });
}

async function enroll(node: string, options: EnrollOptions): Promise<number> {
  const access = chooseAccess(options);
  if (access === undefined) return EXIT.usage;
  const enrolled = await ensureToken(node, options, access);
  if (typeof enrolled === 'string') return fail(enrolled);
  return options.json === true ? reportJson(node, options, access, enrolled) : report(node, options, access, enrolled);
}

/** The node has a token, and it is in its file; otherwise what is wrong. */
async function ensureToken(
  node: string,
  { cluster, location, out, replace }: EnrollOptions,
  access: Access,
): Promise<Enrolled | string> {
  const api = new AdminApi(access);
  const file = resolve(out, TOKEN_FILE);
  const view = await api.cluster(cluster);
  if (!view.ok && view.code !== 'unknown_cluster') return view.error;
  const present = view.ok ? view.value : undefined;
  const known = present?.nodes.find((other) => other.node === node);
  if (location !== undefined && present !== undefined) {
    process.stderr.write(`warning: ${cluster} was there already, and does not move: --location changes nothing\n`);
  }
  const found = { created: present === undefined, file, agentRuns: known?.connected === true };
  if (replace !== true) {
    const whose = { url: access.url, cluster, node, witnessId: present?.witness_id };
    const lies = await judgeTokenFile(file, whose);
    if (lies.kind === 'blocked') return lies.reason;
    if (lies.kind === 'other') return `${lies.reason}; --replace overwrites it`;
    if (lies.kind === 'own') return { ...found, witnessId: lies.witnessId, token: lies.token, issued: false };
    if (known !== undefined) {
      return `${node} has a token of ${cluster} already, which is not in ${file}; --replace voids it and gives the node another`;
    }
  }
  const created = await api.createCluster(cluster, location);
  if (!created.ok) return created.error;
  const token = await issueInto(file, { api, cluster, node, voids: known !== undefined });
  if (typeof token === 'string') return token;
  return { ...found, witnessId: created.value.witnessId, token: token.token, issued: true };
}

async function report(node: string, options: EnrollOptions, access: Access, enrolled: Enrolled): Promise<number> {
  const { cluster } = options;
  const { agentRuns, created, file, issued, token, witnessId } = enrolled;
  const rows = [
    ['cluster', `${cluster}, ${created ? 'new' : 'as it was'}`],
    ['node', `${node}, its token in ${file}${issued ? '' : ' as it was'}`],
  ];
  if (agentRuns) {
    rows.push(['votes', `not measured: the agent on ${node} does that by itself, see 'tiebreak status'`]);
    process.stdout.write(`${alignColumns(rows)}\n\n${configuration(options, access)}`);
    return EXIT.good;
  }
  const measured = await measureVotes({ url: access.url, cluster, node, token }, REHEARSALS);
  if (measured.ok) {
    const { count, p50Ms, p99Ms } = measured;
    rows.push(
      ['witness', `${witnessId}, as its signed answers prove`],
      ['votes', `${formatSpan(p50Ms)} from here, p99 ${formatSpan(p99Ms)} (${count} rehearsals)`],
      ['interval', adviceText(adviseInterval(p99Ms))],
    );
  }
  process.stdout.write(`${alignColumns(rows)}\n\n${configuration(options, access)}`);
  return measured.ok ? EXIT.good : fail(`the token is in ${file}, but trying it failed: ${measured.reason}`);
}

async function reportJson(
  node: string,
  { cluster }: EnrollOptions,
  access: Access,
  enrolled: Enrolled,
): Promise<number> {
  const { agentRuns, created, file, issued, token, witnessId } = enrolled;
  const measured = agentRuns ? null : await measureVotes({ url: access.url, cluster, node, token }, REHEARSALS);
  const votes = measured?.ok === true ? measured : null;
  const advice = votes === null ? null : adviseInterval(votes.p99Ms);
  const outcome = {
    ...{ url: access.url, cluster, created, node, issued, token_file: file, witness_id: witnessId },
    votes: votes === null ? null : { count: votes.count, p50_ms: votes.p50Ms, p99_ms: votes.p99Ms },
    interval: advice === null ? null : { least_ms: advice.leastMs, advised_ms: advice.advisedMs },
  };
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
  if (measured === null || measured.ok) return EXIT.good;
  return fail(`the token is in ${file}, but trying it failed: ${measured.reason}`);
}

/** To be pasted. A relative folder is not the file's last place. */
function configuration({ cluster, out }: EnrollOptions, { url }: Access): string {
  const file = join(isAbsolute(out) ? out : DEFAULT_OUT, TOKEN_FILE);
  return `[witness]\nurl = "${url}"\ncluster = "${cluster}"\ntoken_file = ${JSON.stringify(file)}\n`;
}
