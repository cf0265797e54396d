import { afterAll, beforeAll, expect, test } from 'vitest';
import { linkCut } from './faults.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { waitFor } from './process.ts';
import { DEFAULT_SCENARIO } from './system.ts';
import { CLUSTER, type TiebreakSystem, tiebreakSystem, VIRTUAL_ROUTER_DEFAULTS } from './tiebreak.ts';
import { Topology } from './topology.ts';
import { LocalWitness } from './witness.ts';

// Two agents in mode "vrrp" that have a witness: it has no vote, and shows who owns.

const START_MS = 30_000;

let topology: Topology;
let system: TiebreakSystem;
beforeAll(async () => {
  requireTools(LAB_TOOLS);
  topology = await Topology.create();
  system = await tiebreakSystem(topology, DEFAULT_SCENARIO, { ...VIRTUAL_ROUTER_DEFAULTS, plain: true });
});
afterAll(async () => {
  await system?.close();
  topology?.close();
});

/** What the witness shows: the owner, and what each node has said of itself. */
async function shown(): Promise<string> {
  if (!(system.witness instanceof LocalWitness)) throw new Error('this laboratory has no witness of its own');
  const { groups, nodes } = await system.witness.view(CLUSTER);
  const [group] = groups;
  const roles = (group?.reports ?? []).map(({ node, role }) => `${node} ${role}`).sort();
  const away = nodes.filter(({ connected }) => !connected).map(({ node }) => `${node} away`);
  return [`${group?.owner} owns`, ...(group?.protected === false ? ['unprotected'] : []), ...roles, ...away].join(', ');
}

function shows(wanted: string): Promise<void> {
  let last = '';
  return waitFor(`the witness shows '${wanted}'`, START_MS, async () => {
    last = await shown();
    return last === wanted ? true : undefined;
  }).then(
    () => undefined,
    (error: unknown) => {
      throw new Error(`${String(error)}; it shows '${last}'\n${system.agents.a.log()}`);
    },
  );
}

test('the witness shows the owner, unprotected, and follows it', async () => {
  await system.agents.a.start();
  await waitFor('a owns', START_MS, async () =>
    (await system.agents.a.group())?.role === 'active' ? true : undefined,
  );
  await system.agents.b.start();
  await shows('a owns, unprotected, a active, b backup');
  expect(await system.agents.b.group()).toMatchObject({ mode: 'vrrp', witness: { state: 'connected' } });
  await system.agents.a.setMaintenance(true);
  await shows('b owns, unprotected, a maintenance, b active');
  await system.agents.a.setMaintenance(false);
  await shows('b owns, unprotected, a backup, b active');
});

test('two owners of a cut link are shown as two, and one again after it', async () => {
  const { inject, heal } = linkCut(topology);
  await inject();
  await shows('a owns, unprotected, a active, b active');
  await heal();
  await shows('a owns, unprotected, a active, b backup');
});
