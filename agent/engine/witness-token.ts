import { readWitnessToken } from '../config/index.ts';

/**
 * Reads the node's token again while the witness is not connected, so that a replaced token needs no restart. One of
 * another witness is not taken: whose votes count is part of what the nodes have agreed on (L14, L16).
 *
 * @param warn told of each problem once, until there is another
 */
export function tokenReader(
  fileNow: () => string,
  witnessId: string,
  warn: (text: string) => void,
): () => string | undefined {
  let told: string | undefined;
  const refuse = (problem: string): undefined => {
    if (problem !== told) warn(problem);
    told = problem;
  };
  return () => {
    const file = fileNow();
    const read = readWitnessToken(file);
    if (!read.ok) return refuse(read.problem);
    if (read.credential.witnessId === witnessId) return read.credential.token;
    return refuse(`${file} holds the token of another witness: 'tiebreak reload' on every node goes over to that one`);
  };
}
