import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

export type TlsFiles = { readonly certificate: string; readonly key: string };

/** What is wrong with a certificate and its key, before the runtime stumbles over it; undefined: nothing. */
export function tlsProblem({ certificate, key }: TlsFiles, nowMs: number): string | undefined {
  const certificateText = readText(certificate);
  if (!certificateText.ok) return certificateText.problem;
  const keyText = readText(key);
  if (!keyText.ok) return keyText.problem;
  const leaf = parsed(() => new X509Certificate(certificateText.text));
  if (leaf === undefined) return `${certificate} holds no certificate in PEM, the witness's own first`;
  const privateKey = parsed(() => createPrivateKey(keyText.text));
  if (privateKey === undefined) return `${key} holds no private key in PEM without a passphrase`;
  if (!leaf.checkPrivateKey(privateKey)) return `${key} is not the key of the certificate in ${certificate}`;
  if (leaf.validToDate.getTime() <= nowMs) return `the certificate in ${certificate} has expired on ${leaf.validTo}`;
  return undefined;
}

type Read = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string };

function readText(path: string): Read {
  try {
    return { ok: true, text: readFileSync(path, 'utf8') };
  } catch (error) {
    return { ok: false, problem: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** Neither says by its type that the text is none of its kind. */
function parsed<Value>(parse: () => Value): Value | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
