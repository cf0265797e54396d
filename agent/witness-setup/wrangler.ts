import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { parseJson } from '@tiebreak/shared/wire';
import { z } from 'zod';
import { holdSignals } from './hold-signals.ts';

export type Environment = { readonly [name: string]: string | undefined };

/**
 * Runs wrangler to its end. `shown`: a person sees it, and is asked what it asks; `read`: nobody is asked anything, and what
 * it says comes back.
 */
export type RunWrangler = (
  args: readonly string[],
  /** `folder`: where it runs, and leaves what it leaves. */
  where: { readonly folder: string; readonly environment: Environment },
  how: 'shown' | 'read',
) => Promise<Ran>;
export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** The wrangler that is installed with tiebreak, or another script in its place. */
export function wranglerAt(script = ownWrangler()): RunWrangler {
  return (args, { environment, folder }, how) =>
    // wrangler gets the signals of the terminal too, and ends by itself.
    holdSignals(async () => {
      const child = spawn(process.execPath, [script, ...args], {
        cwd: folder,
        // What it shows is no result of the command.
        stdio: how === 'read' ? ['ignore', 'pipe', 'pipe'] : ['inherit', process.stderr, process.stderr],
        env: how === 'read' ? { ...environment, CI: '1', NO_COLOR: '1' } : { ...environment },
      });
      const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)];
      const [code] = await once(child, 'close');
      return { code: typeof code === 'number' ? code : 1, stdout: stdout(), stderr: stderr() };
    });
}

function textOf(stream: Readable | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  return () => text;
}

function ownWrangler(): string {
  return join(dirname(createRequire(import.meta.url).resolve('wrangler/package.json')), 'bin', 'wrangler.js');
}

const DeployEntry = z.object({ type: z.literal('deploy'), targets: z.array(z.unknown()).nullish() });

/** Where the Worker is, from what wrangler notes of a deployment (a JSON object a line); undefined: it has no address. */
export function deployedUrl(notes: string): string | undefined {
  for (const line of notes.split('\n')) {
    const entry = DeployEntry.safeParse(parseJson(line));
    const [url] = (entry.data?.targets ?? []).flatMap((target) => (typeof target === 'string' ? urlOf(target) : []));
    if (url !== undefined) return url;
  }
  return undefined;
}

/** `https://x.y.workers.dev`, or `witness.example.com (custom domain)`; what is scheduled or queued has no address. */
function urlOf(target: string): string[] {
  const [, custom] = /^([a-z0-9.-]+) \(custom domain/.exec(target) ?? [];
  const url = URL.parse(custom === undefined ? target : `https://${custom}`);
  return url?.protocol === 'https:' && url.host !== '' ? [url.origin] : [];
}

const SecretList = z.array(z.object({ name: z.string() }));

/** The names of a Worker's secrets, from `wrangler secret list`. */
export function secretNames(list: string): string[] {
  return (SecretList.safeParse(parseJson(list)).data ?? []).map(({ name }) => name);
}
