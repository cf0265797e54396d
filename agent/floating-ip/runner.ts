import { isDeepStrictEqual } from 'node:util';
import type { FloatingIpConfig, FloatingIpCredential } from '../config/index.ts';
import type { Ownership } from '../ownership/index.ts';
import type { Patience } from './action.ts';
import { ApiClient } from './api-client.ts';
import { deadlineMs, type Effect, type KeeperEvent, type KeeperState, START, step, view } from './keeper.ts';
import { openProvider } from './open-provider.ts';
import { type Assigned, type Call, type Failure, type FloatingIpProvider, type Looked, passing } from './provider.ts';

export type FloatingIpLog = {
  readonly info: (fields: Readonly<Record<string, unknown>>, text: string) => void;
  readonly warn: (fields: Readonly<Record<string, unknown>>, text: string) => void;
};

export type FloatingIpStatus = {
  readonly address: string;
  readonly provider: FloatingIpConfig['provider'];
  /** `idle`: this node does not own the group. */
  readonly state: 'mine' | 'elsewhere' | 'unknown' | 'idle';
  /** Where it is, or what is wrong; null: nothing to say. */
  readonly detail: string | null;
};

export type FloatingIpOptions = {
  /** The name of the group, for the log. */
  readonly group: string;
  readonly config: FloatingIpConfig;
  /** From `Secrets.floatingIpTokens`; null: the provider finds keys itself (aws without credentials_file). */
  readonly token: FloatingIpCredential | null;
  /** The same as its file holds it now; undefined: it cannot be read. Asked after a refusal that waiting does not mend. */
  readonly readToken: () => FloatingIpCredential | null | undefined;
  /** Whether this node owns the group at this very moment, by a live lease, and under which ballot. */
  readonly ownership: () => Ownership | undefined;
  readonly log: FloatingIpLog;
  /** ms, on a clock that only goes forward. */
  readonly now: () => number;
  /** How a test waits less long for the cloud's work. */
  readonly patience?: Patience;
};

/**
 * Keeps one floating IP with the owner of its group, from its construction on: asks the cloud while this node owns the
 * group, and nothing while it does not. Knows of nothing but its options, so that it runs in any thread.
 */
export class FloatingIpRunner {
  readonly #options: FloatingIpOptions;
  readonly #client = new ApiClient();
  #provider: FloatingIpProvider;
  #token: FloatingIpCredential | null;
  #state: KeeperState = START;
  #underWay = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: FloatingIpOptions) {
    this.#options = options;
    this.#token = options.token;
    this.#provider = this.#open();
    this.nudge();
  }

  /** The ownership has changed, or another owner may have moved the address: does at once what follows. */
  nudge(): void {
    this.#feed({ kind: 'nudged' });
  }

  get status(): FloatingIpStatus {
    const { config, ownership } = this.#options;
    const seen = ownership() === undefined ? view(START) : view(this.#state);
    return { address: config.address, provider: config.provider, ...seen };
  }

  /** Gives up what is under way; the cloud may still do what it has been asked for. Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#underWay.abort();
    this.#client.close();
  }

  #feed(event: KeeperEvent): void {
    if (this.#closed) return;
    const { config, ownership, now } = this.#options;
    const nowMs = now();
    const at = { ms: nowMs, random: Math.random(), ownership: ownership() };
    const { state, effects } = step(this.#state, event, at, config.verifyIntervalMs);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    clearTimeout(this.#timer);
    const next = deadlineMs(state, nowMs);
    if (next === undefined) return;
    this.#timer = setTimeout(() => this.#feed({ kind: 'awake' }), Math.max(next - nowMs, 0));
    this.#timer.unref();
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'abandon':
        this.#underWay.abort();
        return;
      case 'look': {
        const { call } = effect;
        void this.#ask((provider, under) => provider.look(under), effect.counter).then((result) =>
          this.#feed({ kind: 'looked', call, result }),
        );
        return;
      }
      case 'assign': {
        const { call } = effect;
        void this.#ask((provider, under) => provider.assign(under), effect.counter).then((result) =>
          this.#feed({ kind: 'assigned', call, result }),
        );
        return;
      }
      case 'info':
      case 'warn': {
        const { group, config, log } = this.#options;
        log[effect.kind]({ group, address: config.address, provider: config.provider }, effect.text);
        return;
      }
    }
  }

  #open(): FloatingIpProvider {
    const { config, patience } = this.#options;
    return openProvider(config, this.#token, this.#client, patience);
  }

  /** Once; and at once again, if the cloud refuses a token that has been replaced meanwhile. */
  async #ask<T extends Looked | Assigned>(
    ask: (provider: FloatingIpProvider, call: Call) => Promise<T>,
    counter: number,
  ): Promise<T | Failure> {
    const call = this.#call(counter);
    const result = await this.#guarded(ask(this.#provider, call));
    const isRefused = result.kind === 'failed' && !result.retryable;
    return isRefused && this.#renewToken() ? await this.#guarded(ask(this.#provider, call)) : result;
  }

  /** False: its file holds no other one. */
  #renewToken(): boolean {
    const { group, config, log, readToken } = this.#options;
    const token = readToken();
    if (token === undefined || isDeepStrictEqual(token, this.#token)) return false;
    this.#token = token;
    this.#provider = this.#open();
    const fields = { group, address: config.address, provider: config.provider };
    log.info(fields, 'the cloud refused the former token; its file holds another one, which is used from now on');
    return true;
  }

  /** One is under way at a time. */
  #call(counter: number): Call {
    const { ownership } = this.#options;
    this.#underWay = new AbortController();
    return { signal: this.#underWay.signal, allowed: () => ownership()?.counter === counter };
  }

  /** A provider does not reject; if one did, the address would be kept by nobody until the next change of owner. */
  async #guarded<T>(result: Promise<T>): Promise<T | Failure> {
    try {
      return await result;
    } catch (error) {
      return passing(`a fault of this agent (${error instanceof Error ? error.name : 'unknown'}): please report it`);
    }
  }
}
