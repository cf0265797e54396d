import { lstatSync } from 'node:fs';
import { readWitnessToken } from '../config/index.ts';
import { describeFileError } from '../failure-text.ts';
import { notPlain } from './secret-file.ts';
import { whoseToken } from './whose-token.ts';

/**
 * What lies where a node's token belongs. `void`: a token of this witness that nobody has any more. `other`: what must not
 * be overwritten unasked, and why. `blocked`: nothing can be written there.
 */
export type TokenFile =
  | { readonly kind: 'none' | 'void' }
  | { readonly kind: 'own'; readonly token: string; readonly witnessId: string }
  | { readonly kind: 'other' | 'blocked'; readonly reason: string };

export async function judgeTokenFile(
  file: string,
  whose: {
    readonly url: string;
    readonly cluster: string;
    readonly node: string;
    /** Undefined: the cluster is still to be created. */
    readonly witnessId: string | undefined;
  },
): Promise<TokenFile> {
  try {
    const present = lstatSync(file, { throwIfNoEntry: false });
    if (present === undefined) return { kind: 'none' };
    if (!present.isFile()) return { kind: 'blocked', reason: notPlain(file, present) };
  } catch (error) {
    return { kind: 'blocked', reason: `${file}: ${describeFileError(error)}` };
  }
  const read = readWitnessToken(file);
  if (!read.ok) return { kind: 'other', reason: read.problem };
  const { token, witnessId } = read.credential;
  if (witnessId !== whose.witnessId) return { kind: 'other', reason: `${file} holds the token of another witness` };
  const owner = await whoseToken(whose.url, whose.cluster, token);
  switch (owner.kind) {
    case 'void':
      return { kind: 'void' };
    case 'unknown':
      return { kind: 'other', reason: `${file} holds a token, and the witness did not say whose` };
    case 'node':
      if (owner.node === whose.node) return { kind: 'own', token, witnessId };
      return { kind: 'other', reason: `${file} holds the token of node ${owner.node}` };
  }
}
