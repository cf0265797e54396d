import { WebhookKind } from '@tiebreak/shared/wire';
import { type Command, InvalidArgumentError } from 'commander';
import { AdminApi, type Answer } from '../../witness-setup/index.ts';
import { EXIT } from '../exit-code.ts';
import { fail } from '../fail.ts';
import { alignColumns } from '../table.ts';
import { type ClusterOptions, chooseAccess, parseName, withCluster } from './access-options.ts';

type AddOptions = ClusterOptions & { readonly to: string; readonly kinds?: WebhookKind[] };
type ListOptions = ClusterOptions & { readonly json?: true };

/** URLs that are told of a cluster's events. */
export function registerWebhooks(witness: Command): void {
  const webhook = witness.command('webhook').description('URLs that are told of events').helpCommand(false);
  withCluster(webhook.command('add'))
    .description('have a URL told of events; prints the secret that signs them')
    .argument('<name>', 'a name for it; one that is there gets another secret', parseName)
    .requiredOption('--to <url>', 'https://, on the public Internet')
    .option('--kinds <kinds>', `of ${WebhookKind.options.join(', ')}; the first four without it`, parseKinds)
    .action(async (name: string, { cluster, kinds, to, ...options }: AddOptions) => {
      const body = { url: to, ...(kinds === undefined ? {} : { kinds }) };
      process.exitCode = await withApi(
        options,
        (api) => api.putWebhook(cluster, name, body),
        ({ secret }) => {
          process.stderr.write(`verify what comes to ${to} with this secret; shown this once:\n`);
          process.stdout.write(`${secret}\n`);
        },
      );
    });
  withCluster(webhook.command('remove'))
    .description('tell it nothing more; what waits for it is given up')
    .argument('<name>', 'its name', parseName)
    .action(async (name: string, { cluster, ...options }: ClusterOptions) => {
      process.exitCode = await withApi(
        options,
        (api) => api.removeWebhook(cluster, name),
        () => {
          process.stdout.write(`${name} is told nothing more\n`);
        },
      );
    });
  withCluster(webhook.command('list'))
    .description('which there are, and what waits for them')
    .option('--json', 'as the API has it')
    .action(async ({ cluster, json, ...options }: ListOptions) => {
      process.exitCode = await withApi(
        options,
        (api) => api.webhooks(cluster),
        (listed) => {
          const rows = listed.webhooks.map(({ webhook: name, state, waiting, url, kinds }) => [
            ...[name, state, waiting === 0 ? 'nothing waits' : `${waiting} waiting`, url],
            kinds.join(', '),
          ]);
          print(json, listed, rows, 'there is none');
        },
      );
    });
  withCluster(webhook.command('log'))
    .description('what was told last, newest first, and what was answered')
    .option('--json', 'as the API has it')
    .action(async ({ cluster, json, ...options }: ListOptions) => {
      process.exitCode = await withApi(
        options,
        (api) => api.deliveries(cluster),
        (page) => {
          const rows = page.deliveries.map(({ attempted_at, webhook: name, state, attempts, answer, text }) => [
            ...[attempted_at?.slice(0, 19).replace('T', ' ') ?? 'not yet', name, state.replace('_', ' ')],
            ...[`${attempts} tried`, answer ?? '', text],
          ]);
          print(json, page, rows, 'nothing was told yet');
        },
      );
    });
}

async function withApi<Value>(
  options: Omit<ClusterOptions, 'cluster'>,
  ask: (api: AdminApi) => Promise<Answer<Value>>,
  show: (value: Value) => void,
): Promise<number> {
  const access = chooseAccess(options);
  if (access === undefined) return EXIT.usage;
  const answer = await ask(new AdminApi(access));
  if (!answer.ok) return fail(answer.error);
  show(answer.value);
  return EXIT.good;
}

function print(json: true | undefined, value: unknown, rows: readonly string[][], nothing: string): void {
  if (json === true) process.stdout.write(`${JSON.stringify(value)}\n`);
  else process.stdout.write(`${rows.length === 0 ? nothing : alignColumns(rows)}\n`);
}

function parseKinds(text: string): WebhookKind[] {
  const kinds = WebhookKind.array().min(1).safeParse(text.split(','));
  if (kinds.success) return kinds.data;
  throw new InvalidArgumentError(`They are, with commas between: ${WebhookKind.options.join(', ')}.`);
}
