import { readFileSync } from 'node:fs';
import { z } from 'zod';

let version: string | undefined;

/** The version of this agent, from its package. Read once: the status tells it again and again. */
export function agentVersion(): string {
  if (version === undefined) {
    const text = readFileSync(new URL('./package.json', import.meta.url), 'utf8');
    version = z.object({ version: z.string() }).parse(JSON.parse(text)).version;
  }
  return version;
}
