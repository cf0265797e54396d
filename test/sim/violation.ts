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
  | 'ticks do not settle'
  | 'no owner after the faults'
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
