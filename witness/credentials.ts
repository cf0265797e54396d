import type { SqlStorage } from '@cloudflare/workers-types';
import type { Caller } from './caller.ts';
import { type Credential, newToken, readToken, sameText, type TokenKind } from './credential.ts';
import type { ReplyKey } from './reply-key.ts';
import type { ClusterStorage } from './storage.ts';
import { type Issued, TokenHolders } from './token-holders.ts';

const NODES_MAX = 32;

/** Who may do what in one cluster. Every credential is compared with what is shown, so that the time tells nothing. */
export class Credentials {
  readonly #storage: ClusterStorage;
  readonly #witnessId: string;
  readonly #nodes: Map<string, Credential>;
  readonly holders: Readonly<Record<TokenKind, TokenHolders>>;

  constructor(
    storage: ClusterStorage,
    witnessId: string,
    { sql, nodes }: { sql: SqlStorage; nodes: ReadonlyMap<string, Credential> },
  ) {
    this.#storage = storage;
    this.#witnessId = witnessId;
    this.#nodes = new Map(nodes);
    this.holders = {
      viewer: new TokenHolders(sql, 'viewer', witnessId),
      monitor: new TokenHolders(sql, 'monitor', witnessId),
    };
  }

  get nodes(): string[] {
    return [...this.#nodes.keys()];
  }

  replyKeyOf(node: string): ReplyKey | undefined {
    return this.#nodes.get(node)?.replyKey;
  }

  /** Whose token this is; null: nobody's. */
  nodeOf(token: string): string | null {
    const presented = readToken(token, this.#witnessId);
    if (presented === null) return null;
    let found: string | null = null;
    for (const [node, { verifier }] of this.#nodes) if (sameText(verifier, presented.verifier)) found = node;
    return found;
  }

  mayRead(caller: Caller): boolean {
    switch (caller.kind) {
      case 'admin':
        return true;
      case 'node':
        return this.nodeOf(caller.token) !== null;
      case 'viewer':
        return this.holders.viewer.holderOf(caller.token) !== null;
      case 'monitor':
        return false;
    }
  }

  /** A node that had a token gets another; null: there are as many nodes as there can be. */
  issueNode(node: string): Issued | null {
    const replaced = this.#nodes.has(node);
    if (!replaced && this.#nodes.size >= NODES_MAX) return null;
    const { token, credential } = newToken(this.#witnessId);
    this.#storage.saveCredential(node, credential);
    this.#nodes.set(node, credential);
    return { token, replaced };
  }

  revokeNode(node: string): boolean {
    if (!this.#nodes.delete(node)) return false;
    this.#storage.removeCredential(node);
    return true;
  }
}
