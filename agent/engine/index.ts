import { Agent } from './agent.ts';
import type { AgentOptions } from './agent-options.ts';
import { StartFailure } from './start-failure.ts';

export type { ConfigurationSource, Guardian } from './agent-options.ts';
export type { ReadConfiguration } from './reload-parts.ts';
export { authenticationProblem, passwordBytes } from './simple-password.ts';
export { explainWay, type ForbiddenAddresses, forbiddenAddresses } from './witness-route.ts';

export type RunningAgent = {
  /** Hands over, then leaves nothing behind. */
  readonly stop: (signal: string) => Promise<void>;
  /** Reads the configuration again, after a reload that is under way; what comes of it is in the log and in `status`. */
  readonly reload: () => Promise<void>;
  /** Resolves with the exit code. */
  readonly stopped: Promise<number>;
};

/** Starts the agent in this process. A start that fails for a reason of the operator's comes back as `error`. */
export async function runAgent(options: AgentOptions): Promise<RunningAgent | { readonly error: string }> {
  const agent = new Agent(options);
  try {
    await agent.start();
  } catch (cause) {
    await agent.close();
    if (cause instanceof StartFailure) return { error: cause.message };
    throw cause;
  }
  let isReloadDue = false;
  let announceStopped: (code: number) => void = () => {};
  const stopped = new Promise<number>((resolve) => {
    announceStopped = resolve;
  });
  return {
    stopped,
    async reload() {
      if (isReloadDue) return;
      isReloadDue = true;
      await agent.reloaded();
      isReloadDue = false;
      await agent.reload();
    },
    async stop() {
      await agent.leave();
      await agent.close();
      announceStopped(0);
    },
  };
}
