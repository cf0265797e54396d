import type { Caller } from './cluster-api.ts';
import { type Credential, newToken, newViewerToken, readToken, readViewerToken, sameText } from './credential.ts';
import type { ClusterStorage } from './storage.ts';

const NODES_MAX = 32;
const VIEWERS_MAX = 32;

export type Issued = { readonly token: string; readonly replaced: boolean };

/** Who may do what in one cluster. Every credential is compared with what is shown, so that the time tells nothing. */
export class Credentials {
  readonly #storage: ClusterStorage;
  readonly #witnessId: string;
  readonly #nodes: Map<string, Credential>;
  readonly #viewers: Map<string, string>;

  constructor(
    storage: ClusterStorage,
    witnessId: string,
    { nodes, viewers }: { nodes: ReadonlyMap<string, Credential>; viewers: ReadonlyMap<string, string> },
  ) {
    this.#storage = storage;
    this.#witnessId = witnessId;
    this.#nodes = new Map(nodes);
    this.#viewers = new Map(viewers);
  }

  get nodes(): string[] {
    return [...this.#nodes.keys()];
  }

  replyKeyOf(node: string): string | undefined {
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
        return this.#isViewer(caller.token);
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

  /** As `issueNode`. */
  issueViewer(viewer: string): Issued | null {
    const replaced = this.#viewers.has(viewer);
    if (!replaced && this.#viewers.size >= VIEWERS_MAX) return null;
    const { token, verifier } = newViewerToken(this.#witnessId);
    this.#storage.saveViewer(viewer, verifier);
    this.#viewers.set(viewer, verifier);
    return { token, replaced };
  }

  revokeViewer(viewer: string): boolean {
    if (!this.#viewers.delete(viewer)) return false;
    this.#storage.removeViewer(viewer);
    return true;
  }

  #isViewer(token: string): boolean {
    const presented = readViewerToken(token, this.#witnessId);
    if (presented === null) return false;
    let found = false;
    for (const verifier of this.#viewers.values()) if (sameText(verifier, presented)) found = true;
    return found;
  }
}
