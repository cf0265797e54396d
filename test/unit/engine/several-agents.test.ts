import { expect, test } from 'vitest';
import { AgentsInMemory } from './agents-in-memory.ts';
import { INTERVAL_US } from './scripted-group.ts';

const SECOND_US = 1_000_000;

function settled(nodes: readonly string[], witness = false): { agents: AgentsInMemory; owner: string } {
  const agents = new AgentsInMemory(nodes, { witness });
  agents.until(() => agents.owners().length === 1, 2 * SECOND_US);
  agents.pass(SECOND_US);
  const [owner] = agents.owners();
  if (owner === undefined) throw new Error('nobody owns');
  return { agents, owner };
}

test('of three agents without a witness one owns, by a majority of all three', () => {
  const { agents, owner } = settled(['a', 'b', 'c']);
  const others = ['a', 'b', 'c'].filter((node) => node !== owner);
  for (const node of others) expect(agents.group(node).state.register.bound?.holder).toBe(owner);
  agents.kill(others[0] ?? '');
  agents.pass(5 * SECOND_US);
  expect(agents.owners()).toEqual([owner]);
  agents.kill(others[1] ?? '');
  agents.pass(SECOND_US);
  expect(agents.owners()).toEqual([]);
});

test('when the owner of three dies, one of the others takes over, once its fence has run out', () => {
  const { agents, owner } = settled(['a', 'b', 'c']);
  agents.kill(owner);
  const tookUs = agents.until(() => agents.owners().some((node) => node !== owner), 2 * SECOND_US);
  expect(tookUs).toBeGreaterThan(INTERVAL_US);
  expect(agents.owners()).toHaveLength(1);
});

test('a planned stop of the owner of three hands over at once, and nobody leaves a vote behind for good', () => {
  const { agents, owner } = settled(['a', 'b', 'c']);
  agents.stop(owner);
  const tookUs = agents.until(() => agents.owners().some((node) => node !== owner), SECOND_US);
  expect(tookUs).toBeLessThan(INTERVAL_US);
  agents.until(() => !agents.isRunning(owner), 2 * SECOND_US);
  for (const node of ['a', 'b', 'c']) {
    expect(agents.disk(node)).toMatchObject({ promise: undefined, departed: undefined });
  }
});

test('three agents have no use for a witness: it has no vote', () => {
  const { agents, owner } = settled(['a', 'b', 'c'], true);
  agents.reachWitness(false);
  for (const node of ['a', 'b', 'c'].filter((other) => other !== owner)) agents.cut.add([owner, node].sort().join('-'));
  agents.until(() => agents.owners().some((node) => node !== owner), 2 * SECOND_US);
  expect(agents.owners()).toHaveLength(1);
});

test('five agents survive the loss of two, and not of three', () => {
  const nodes = ['a', 'b', 'c', 'd', 'e'];
  const { agents, owner } = settled(nodes);
  const others = nodes.filter((node) => node !== owner);
  for (const node of others.slice(0, 2)) agents.kill(node);
  agents.pass(5 * SECOND_US);
  expect(agents.owners()).toEqual([owner]);
  agents.kill(others[2] ?? '');
  agents.pass(SECOND_US);
  expect(agents.owners()).toEqual([]);
});
