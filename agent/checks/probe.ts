import type { ProbedCheckConfig } from '../config/index.ts';
import type { Account } from '../kernel/in-any-thread.ts';
import { probeArp } from './arp.ts';
import { probeCommand } from './command.ts';
import { probeFile } from './file.ts';
import { probeHttp } from './http.ts';
import type { Look } from './outcome.ts';
import { probeTcp } from './tcp.ts';

/** One look at a service. */
export type Probe = {
  /** Resolves at the end of the check's timeout at the latest, and never rejects. */
  readonly said: Promise<Look>;
  /** When nothing of it is left: a command that cannot be killed outlives its timeout, and so does a dead file system. */
  readonly over: Promise<unknown>;
};

/**
 * @param running aborted when the agent stops; what is under way is ended then
 * @param runAs for a command: whom it runs as; undefined: as the agent
 */
export function probe(check: ProbedCheckConfig, running: AbortSignal, runAs?: Account): Probe {
  switch (check.kind) {
    case 'command':
      return probeCommand(check, running, runAs);
    case 'http':
      return overWhenSaid(probeHttp(check, running));
    case 'tcp':
      return overWhenSaid(probeTcp(check, running));
    case 'file':
      return probeFile(check);
    case 'arp':
      return overWhenSaid(probeArp(check, running));
  }
}

function overWhenSaid(said: Promise<Look>): Probe {
  return { said, over: said };
}
