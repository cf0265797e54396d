import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject } from './json.ts';

/** Of the format of the file; another one may say anything. */
export const VERSION = 1;

/** Where `state_dir` keeps a group's promises. */
export function promisesPath(stateDir: string, group: string): string {
  return join(stateDir, `promises-${group}.json`);
}

/**
 * For one who acts in the place of an agent that has died: whether its next start may find this node's vote promised to
 * someone, so that it is not to be given away. What cannot be read may hold a promise.
 */
export function mayBePromised(stateDir: string, group: string): boolean {
  try {
    const content: unknown = JSON.parse(readFileSync(promisesPath(stateDir, group), 'utf8'));
    return !isObject(content) || content.version !== VERSION || content.promise !== null;
  } catch (cause) {
    return !(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT');
  }
}
