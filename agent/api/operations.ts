import type { HealthSaid } from '../checks/index.ts';

/** What came of something that an operator or a monitor asked for; `detail` is for a person. */
export type Outcome =
  | { readonly ok: true; readonly detail: string }
  | { readonly ok: false; readonly reason: 'not_found' | 'refused'; readonly detail: string };

/** What may be asked of a running agent. But for `reload` every method answers at once; what it began goes on. */
export interface Operations {
  /** The owner of `group` hands over to `to`, or to whom it thinks best. */
  handOver(group: string, to: string | undefined): Outcome;
  /** The push health webhook. */
  reportHealth(group: string, check: string, said: HealthSaid): Outcome;
  /** In maintenance a node votes, and owns nothing. Kept over restarts. */
  setMaintenance(on: boolean): Outcome;
  /** Vouches for it that whoever holds this node's vote does not own `group` any more. */
  forceTakeover(group: string): Outcome;
  /** Vouches for it that the survivor of this node's departure is gone for good. */
  forceJoin(group: string): Outcome;
  /** Reads the configuration again and goes over to it, all of it or nothing; answers when that is done. */
  reload(): Promise<Outcome>;
}
