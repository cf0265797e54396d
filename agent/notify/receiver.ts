import { createHash } from 'node:crypto';
import type { GroupConfig, GroupState, NotifyConfig, Secrets } from '../config/index.ts';

/** Who is told, with all that the thread needs that tells it. */
export type Receiver = {
  /** Names its journal: the same after a restart as long as group and target are the same. */
  readonly key: string;
  readonly group: string;
  readonly groupId: number;
  readonly states: readonly GroupState[];
  readonly timeoutMs: number;
  readonly target: CommandTarget | WebhookTarget;
};

export type CommandTarget = Pick<
  Extract<NotifyConfig, { kind: 'command' }>,
  'kind' | 'program' | 'arguments' | 'keepalivedArguments'
>;
export type WebhookTarget = { readonly kind: 'webhook'; readonly url: string; readonly secret: string | null };

export function receiversOf(groups: readonly GroupConfig[], secrets: Pick<Secrets, 'webhookSecrets'>): Receiver[] {
  const seen = new Map<string, number>();
  return groups.flatMap((group) =>
    group.notify.map((config) => {
      const { states, timeoutMs } = config;
      const identity = identityOf(group.name, config);
      const count = (seen.get(identity) ?? 0) + 1;
      seen.set(identity, count);
      // Twice the same in one file is told twice.
      const key = createHash('sha256').update(`${identity}${count}`).digest('hex').slice(0, 16);
      return { key, group: group.name, groupId: group.id, states, timeoutMs, target: targetOf(config, secrets) };
    }),
  );
}

/** For people; of a URL no more than where it is, for the rest may be a secret. */
export function nameOf({ target }: Pick<Receiver, 'target'>): string {
  return target.kind === 'command' ? target.program : `webhook at ${new URL(target.url).host}`;
}

function identityOf(group: string, config: NotifyConfig): string {
  const what = config.kind === 'command' ? [config.program, ...config.arguments] : [config.url];
  return JSON.stringify([group, config.kind, what, config.states]);
}

function targetOf(config: NotifyConfig, { webhookSecrets }: Pick<Secrets, 'webhookSecrets'>): Receiver['target'] {
  switch (config.kind) {
    case 'command': {
      const { kind, program, keepalivedArguments } = config;
      return { kind, program, arguments: config.arguments, keepalivedArguments };
    }
    case 'webhook': {
      const secret = config.secretFile === null ? null : (webhookSecrets.get(config.secretFile) ?? null);
      // An unsigned message where a signed one was asked for would be refused at best.
      if (config.secretFile !== null && secret === null) throw new Error(`${config.secretFile} was not loaded`);
      return { kind: 'webhook', url: config.url, secret };
    }
  }
}
