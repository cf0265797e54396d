import type { ApiClient } from './api-client.ts';
import { type Call, type Failure, lasting } from './provider.ts';

type Found = { readonly kind: 'found'; readonly number: number } | Failure;

/** The number that the cloud has given to this server: as configured, or as the metadata service says, asked once. */
export function serverNumber(
  client: ApiClient,
  { configured, metadataUrl, path }: { configured: string | null; metadataUrl: string; path: string },
): (call: Call) => Promise<Found> {
  let known: Found | undefined = configured === null ? undefined : { kind: 'found', number: Number(configured) };
  return async (call) => {
    if (known !== undefined) return known;
    const answer = await client.send({ method: 'GET', url: `${metadataUrl}${path}`, headers: {} }, call);
    if (answer.kind === 'failed') {
      return { ...answer, text: `the metadata service: ${answer.text}; or write the server's number: server = "…"` };
    }
    const text = answer.text.trim();
    if (answer.status !== 200 || !/^[1-9]\d{0,15}$/.test(text)) {
      return lasting(
        `${metadataUrl}${path} does not say this server's number (HTTP ${answer.status}): write it: server = "…"`,
      );
    }
    known = { kind: 'found', number: Number(text) };
    return known;
  };
}
