import { Addresses } from '../../agent/witness-link/addresses.ts';
import { witnessConnector } from '../../agent/witness-link/connector.ts';
import { HttpsPath } from '../../agent/witness-link/https.ts';
import { WitnessSocket } from '../../agent/witness-link/socket.ts';

/** A way to the witness for one request at a time; null: there was no answer, and there will be none. */
export type WitnessPath = {
  ask(text: string): Promise<string | null>;
  close(): void;
};

/** The HTTPS fallback, as the agent has it. Each instance of a witness that is started anew needs another. */
export class RequestPath implements WitnessPath {
  readonly #https: HttpsPath;
  readonly #path: string;
  readonly #addresses: Addresses;

  constructor({ origin, path, token }: { origin: string; path: string; token: string }) {
    this.#addresses = new Addresses(new URL(origin).hostname);
    this.#https = new HttpsPath(new URL(origin), token, connector(this.#addresses));
    this.#path = path;
  }

  static toCluster({ origin, cluster, token }: { origin: string; cluster: string; token: string }): RequestPath {
    return new RequestPath({ origin, path: `/v1/clusters/${cluster}/request`, token });
  }

  async ask(text: string): Promise<string | null> {
    const answer = await this.#https.ask('POST', this.#path, text);
    if (!answer.ok) return null;
    if (answer.status !== 200 && answer.status !== 409) throw new Error(`${answer.status}: ${answer.text}`);
    return answer.text;
  }

  close(): void {
    this.#addresses.close();
    this.#https.close();
  }
}

/** The agent's WebSocket, to whatever answers each message with one message. */
export class SocketPath implements WitnessPath {
  readonly #socket: WitnessSocket;
  readonly #addresses: Addresses;
  readonly #open: Promise<boolean>;
  #answered: (text: string | null) => void = () => {};
  #closed = false;

  constructor({ url, token }: { url: string; token: string }) {
    const opening = Promise.withResolvers<boolean>();
    this.#open = opening.promise;
    this.#addresses = new Addresses(new URL(url).hostname);
    this.#socket = new WitnessSocket(new URL(url), token, connector(this.#addresses), {
      open: () => opening.resolve(true),
      text: (text) => {
        if (!isHint(text)) this.#answered(text);
      },
      closed: () => {
        this.#closed = true;
        opening.resolve(false);
        this.#answered(null);
      },
    });
  }

  static ofLink({ origin, cluster, token }: { origin: string; cluster: string; token: string }): SocketPath {
    return new SocketPath({ url: `${origin.replace('http', 'ws')}/v1/clusters/${cluster}/link`, token });
  }

  async ask(text: string): Promise<string | null> {
    if (!(await this.#open) || this.#closed) return null;
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#socket.send(text);
    });
  }

  close(): void {
    this.#addresses.close();
    this.#socket.close();
  }
}

/** Word that a vote has become free: it comes unasked. */
function isHint(text: string): boolean {
  return text.startsWith('{"body":"{\\"type\\":\\"freed\\"');
}

function connector(addresses: Addresses) {
  return witnessConnector(addresses, () => undefined);
}
