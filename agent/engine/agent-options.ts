import type { Config, Secrets } from '../config/index.ts';
import type { Handover } from '../guardian/index.ts';
import type { Logger } from '../log/index.ts';
import type { ServiceManager } from '../service-manager/index.ts';
import type { ReadConfiguration } from './reload-parts.ts';

export type AgentOptions = {
  readonly config: Config;
  readonly secrets: Secrets;
  /** The file's text that `config` was made of, and how to read the file again; undefined: it cannot be. */
  readonly source?: ConfigurationSource | undefined;
  readonly log: Logger;
  /** Who looks after what this process leaves behind should it die; undefined: nobody. */
  readonly guardian?: Guardian | undefined;
  /** Who started the service, if it wants to know how it fares. */
  readonly serviceManager?: ServiceManager | undefined;
  /** How often an engine has crashed lately, this one's predecessor included. */
  readonly recentCrashes?: number;
};

export type ConfigurationSource = { readonly text: string; readonly read: () => ReadConfiguration };

export interface Guardian {
  /** null: it has gone. */
  readonly pid: () => number | null;
  readonly prepare: (handover: Handover) => void;
  /** Every loop has done what it had to do by now. */
  readonly progress: () => void;
}
