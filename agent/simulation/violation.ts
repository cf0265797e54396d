/** What must never be, or what must have come to be and has not. */
export type Rule =
  | 'two owners in the kernel'
  | 'lease containment'
  | 'belief exceeds the register'
  | 'register changed its holder'
  | 'an owner granted'
  | 'voted in quarantine'
  | 'released before the fence was closed'
  | 'ballots do not grow'
  | 'the guardian gave a vote that was not its own'
  | 'a vote crossed configurations'
  | 'identities not agreed'
  | 'an answer was not stored'
  | 'a replay counted'
  | 'unauthenticated input counted'
  | 'ticks do not settle'
  | 'does not end'
  | 'a planned change failed'
  | 'preemption failed'
  | 'no owner after the faults'
  | 'identity not reached'
  | 'moved without need'
  | 'interrupted without need'
  | 'not idle in steady state'
  | 'moved more than once for one fault';

export class Violation extends Error {
  readonly rule: Rule;
  readonly atUs: number;

  constructor(rule: Rule, detail: string, atUs: number) {
    super(`${rule}: ${detail}`);
    this.rule = rule;
    this.atUs = atUs;
  }
}
