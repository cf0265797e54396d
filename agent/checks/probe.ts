import type { ProbedCheckConfig } from '../config/index.ts';
import { probeArp } from './arp.ts';
import type { HealthSaid } from './check-view.ts';
import { probeCommand } from './command.ts';
import { probeFile } from './file.ts';
import { probeHttp } from './http.ts';
import { probeTcp } from './tcp.ts';

/** One look at a service. */
export type Probe = {
  /** Resolves at the end of the check's timeout at the latest, and never rejects. */
  readonly said: Promise<HealthSaid>;
  /** When nothing of it is left: a command that cannot be killed outlives its timeout, and so does a dead file system. */
  readonly over: Promise<unknown>;
};

/** @param running aborted when the agent stops; what is under way is ended then */
export function probe(check: ProbedCheckConfig, running: AbortSignal): Probe {
  switch (check.kind) {
    case 'command':
      return probeCommand(check, running);
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

function overWhenSaid(said: Promise<HealthSaid>): Probe {
  return { said, over: said };
}
