import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * The types are stripped once and for all: what strips them takes more memory than the whole guardian. The folder belongs
 * to whoever the code belongs to; where it cannot be written, everything works without. A built package has no types.
 */
export function keepCompiled(): void {
  if (!import.meta.url.endsWith('.ts')) return;
  enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/tiebreak', import.meta.url)));
}
