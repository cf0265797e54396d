import { type LookupAddress, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

const REFRESH_MS = 300_000;

/** `dns.lookup`, which also knows /etc/hosts; tests bring their own. */
export type Resolve = (
  hostname: string,
  options: { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

type Waiting = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

/**
 * The witness's addresses: resolved at the start, refreshed in the background, kept when the resolver fails. So no
 * look-up lies on the takeover path, and a dead resolver does not keep a link from coming back.
 */
export class Addresses {
  readonly #hostname: string;
  readonly #resolve: Resolve;
  readonly #timer: NodeJS.Timeout;
  #known: LookupAddress[] = [];
  #resolving = false;
  #waiting: Waiting[] = [];

  /** @param hostname as in a URL: an IPv6 address has its brackets */
  constructor(hostname: string, resolve: Resolve = lookup) {
    this.#hostname = hostname.replace(/^\[|\]$/g, '');
    this.#resolve = resolve;
    this.#timer = setInterval(() => this.refresh(), REFRESH_MS);
    this.refresh();
  }

  /** As text, for whoever looks at the ways to them. */
  get known(): readonly string[] {
    return this.#known.map(({ address }) => address);
  }

  /** For `net.connect` and `tls.connect`; waits for the resolver only while no address has ever been known. */
  readonly lookup: LookupFunction = (_hostname, options, callback) => {
    const answer: Waiting = (error, addresses) => {
      const matching = addresses.filter(({ family }) => !options.family || options.family === family);
      const [first] = matching;
      if (error) callback(error, []);
      else if (options.all) callback(null, matching);
      else if (first) callback(null, first.address, first.family);
      else callback(Object.assign(new Error(`no address for ${this.#hostname}`), { code: 'ENOTFOUND' }), []);
    };
    if (this.#known.length > 0) {
      answer(null, this.#known);
      return;
    }
    this.#waiting.push(answer);
    this.refresh();
  };

  refresh(): void {
    if (this.#resolving) return;
    this.#resolving = true;
    this.#resolve(this.#hostname, { all: true }, (error, addresses) => {
      this.#resolving = false;
      if (!error && addresses.length > 0) this.#known = addresses;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const answer of waiting) answer(error, this.#known);
    });
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
