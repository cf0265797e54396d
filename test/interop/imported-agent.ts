import type { KeepalivedProgram } from '../lab/keepalived.ts';
import { run } from '../lab/process.ts';
import { agentScript, TiebreakProgram } from '../lab/tiebreak.ts';
import type { Topology } from '../lab/topology.ts';

/** The agent that takes keepalived's place on its host, with what `tiebreak import` makes of its configuration. */
export async function importedAgent(topology: Topology, keepalived: KeepalivedProgram): Promise<TiebreakProgram> {
  const { configurationFile, host } = keepalived;
  const imported = await run(process.execPath, [agentScript(), 'import', configurationFile, '--node', host]);
  return new TiebreakProgram(topology, host, ({ state, run: runFolder }) =>
    [`state_dir = "${state}"`, `run_dir = "${runFolder}"`, imported].join('\n'),
  );
}
