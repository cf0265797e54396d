import { isDeepStrictEqual } from 'node:util';
import {
  credentialFileOf,
  type FloatingIpConfig,
  type FloatingIpCredential,
  type GroupConfig,
  type Secrets,
} from '../config/index.ts';
import type { Logger } from '../log/index.ts';
import { SupervisedThread } from '../thread/index.ts';
import type { FloatingIpStatus } from './runner.ts';

const STOP_PATIENCE_MS = 500;

export type Assignment = {
  readonly kept: readonly {
    readonly group: string;
    readonly groupId: number;
    readonly config: FloatingIpConfig;
    readonly token: FloatingIpCredential | null;
  }[];
  readonly ownership: SharedArrayBuffer;
};

export type Order = { readonly type: 'nudge'; readonly group: string } | { readonly type: 'stop' };

type GroupFloatingIp = { readonly group: string; readonly status: FloatingIpStatus };

export type Word =
  | {
      readonly type: 'log';
      readonly level: 'info' | 'warn';
      readonly fields: Readonly<Record<string, unknown>>;
      readonly text: string;
    }
  | { readonly type: 'report'; readonly statuses: readonly GroupFloatingIp[] };

/** Keeps the floating IPs of all groups with their owners, in a thread of its own. */
export class FloatingIps {
  readonly #ownership: SharedArrayBuffer;
  readonly #log: Logger;
  #kept: Assignment['kept'];
  #thread: SupervisedThread<Order, Word>;
  #statuses: readonly GroupFloatingIp[] = [];

  constructor(options: {
    readonly groups: readonly GroupConfig[];
    readonly secrets: Pick<Secrets, 'floatingIpTokens'>;
    readonly ownership: SharedArrayBuffer;
    readonly log: Logger;
  }) {
    this.#ownership = options.ownership;
    this.#log = options.log;
    this.#kept = keptOf(options.groups, options.secrets);
    this.#thread = this.#newThread();
  }

  statusOf(name: string): FloatingIpStatus[] {
    return this.#statuses.flatMap(({ group, status }) => (group === name ? [status] : []));
  }

  start(): void {
    if (this.#kept.length > 0) this.#thread.start();
  }

  /** From now on these; a thread that begins looks at once where they are. */
  async change(groups: readonly GroupConfig[], secrets: Pick<Secrets, 'floatingIpTokens'>): Promise<void> {
    const kept = keptOf(groups, secrets);
    if (isDeepStrictEqual(kept, this.#kept)) return;
    this.#kept = kept;
    const former = this.#thread;
    this.#thread = this.#newThread();
    await former.close({ type: 'stop' }, STOP_PATIENCE_MS);
    this.#statuses = [];
    this.start();
  }

  /** The group has another owner, or its owner has won a conflict. */
  changed(group: string): void {
    if (this.#kept.length > 0) this.#thread.post({ type: 'nudge', group });
  }

  async close(): Promise<void> {
    await this.#thread.close({ type: 'stop' }, STOP_PATIENCE_MS);
  }

  #newThread(): SupervisedThread<Order, Word> {
    return new SupervisedThread({
      name: 'the thread of the floating IPs',
      script: new URL('worker.ts', import.meta.url),
      data: (): Assignment => ({ kept: this.#kept, ownership: this.#ownership }),
      onMessage: (word) => this.#heard(word),
      log: this.#log,
    });
  }

  #heard(word: Word): void {
    switch (word.type) {
      case 'log':
        this.#log[word.level](word.fields, word.text);
        return;
      case 'report':
        this.#statuses = word.statuses;
        return;
    }
  }
}

function keptOf(
  groups: readonly GroupConfig[],
  { floatingIpTokens }: Pick<Secrets, 'floatingIpTokens'>,
): Assignment['kept'] {
  return groups.flatMap(({ name, id, floatingIps }) =>
    floatingIps.map((config) => {
      const file = credentialFileOf(config)?.file;
      const token = file === undefined ? undefined : floatingIpTokens.get(file);
      if (file !== undefined && token === undefined) throw new Error(`${file} was not loaded`);
      return { group: name, groupId: id, config, token: token ?? null };
    }),
  );
}
