import type { Policy } from '@tiebreak/shared/lease';
import { describe, expect, test } from 'vitest';
import { leaseGroupStatus } from '../../../agent/engine/status.ts';
import { AgentsInMemory } from './agents-in-memory.ts';
import { INVITATION_US, ScriptedMember } from './scripted-group.ts';
import { VirtualTime } from './virtual-time.ts';

const SECOND_US = 1_000_000;
const BIAS: Policy = { name: 'bias', promiseMs: 60_000 };

/** Two agents, one of which owns; the other one's name is `backup`. */
function pair(policy: Policy, witness = true): { agents: AgentsInMemory; owner: string; backup: string } {
  const agents = new AgentsInMemory(['a', 'b'], { policy, witness });
  agents.until(() => agents.owners().length === 1, 2 * SECOND_US);
  agents.pass(SECOND_US);
  const [owner] = agents.owners();
  if (owner === undefined) throw new Error('nobody owns');
  return { agents, owner, backup: owner === 'a' ? 'b' : 'a' };
}

async function logOf(agents: AgentsInMemory, node: string): Promise<string> {
  return (await agents.lines(node)).map(({ msg }) => msg).join('\n');
}

function statusOf(agents: AgentsInMemory, node: string) {
  return leaseGroupStatus(agents.group(node), [], undefined, agents.time.nowUs());
}

/** The witness is away until the backup has given a long promise. */
function armed(): ReturnType<typeof pair> {
  const found = pair(BIAS);
  found.agents.reachWitness(false);
  found.agents.pass(6 * SECOND_US);
  return found;
}

describe('policy bias', () => {
  test('once the witness has been away for 5 s, a cut link leaves the owner for three quarters of the promise', () => {
    const { agents, owner } = armed();
    agents.cut.add('a-b');
    agents.pass(43 * SECOND_US);
    expect(agents.owners()).toEqual([owner]);
    agents.pass(3 * SECOND_US);
    expect(agents.owners()).toEqual([]);
  });

  test('before that it does not', () => {
    const { agents } = pair(BIAS);
    agents.reachWitness(false);
    agents.pass(4 * SECOND_US);
    agents.cut.add('a-b');
    agents.pass(SECOND_US);
    expect(agents.owners()).toEqual([]);
  });

  test('without the fsync there is no long promise', () => {
    const { agents, backup } = pair(BIAS);
    agents.disk(backup).broken = true;
    agents.reachWitness(false);
    agents.pass(10 * SECOND_US);
    agents.cut.add('a-b');
    agents.pass(SECOND_US);
    expect(agents.owners()).toEqual([]);
  });

  test('both say so: the one that it is armed, the other whom it binds, for how long, and the way out', async () => {
    const { agents, owner, backup } = armed();
    expect(statusOf(agents, owner).reason).toContain(`${backup} has promised its vote for long (policy bias)`);
    expect(statusOf(agents, backup).reason).toMatch(
      new RegExp(`has promised its vote to ${owner} for 60 s more.*'tiebreak takeover --force'`),
    );
    expect(await logOf(agents, backup)).toContain(`promises its vote to ${owner} for 60 s at a time`);
  });

  test('a backup that restarts in between is bound by what state_dir holds, and says why', async () => {
    const { agents, owner, backup } = armed();
    agents.kill(backup);
    agents.kill(owner);
    agents.start(backup);
    expect(await logOf(agents, backup)).toContain(`this node has promised its vote to ${owner} for 60 s more`);
    agents.pass(59 * SECOND_US);
    expect(agents.group(backup).state.role.name).toBe('backup');
    agents.until(() => agents.group(backup).state.role.name === 'candidate', 2 * SECOND_US);
    agents.pass(SECOND_US / 100);
    expect(agents.disk(backup).promise).toBeUndefined();
  });

  test('with the witness back the promise runs out, and is forgotten', async () => {
    const { agents, owner, backup } = armed();
    expect(agents.disk(backup).promise).toMatchObject({ kind: 'bias', holder: owner });
    agents.reachWitness(true);
    agents.pass(60 * SECOND_US);
    expect(agents.disk(backup).promise).toBeUndefined();
    expect(agents.owners()).toEqual([owner]);
    expect(statusOf(agents, backup).reason).toBeNull();
    expect(await logOf(agents, backup)).toContain(`edge: the long promise to ${owner} has ended`);
  });
});

describe('a planned stop (L17)', () => {
  test.each([true, false])(
    'the survivor owns without end, by the vote of the one that left (its owner: %s)',
    async (ownerLeaves) => {
      const { agents, owner, backup } = pair({ name: 'safe' });
      const [leaver, survivor] = ownerLeaves ? [owner, backup] : [backup, owner];
      agents.stop(leaver);
      agents.until(() => !agents.isRunning(leaver), SECOND_US);
      agents.reachWitness(false);
      agents.pass(60 * SECOND_US);
      expect(agents.owners()).toEqual([survivor]);
      expect(statusOf(agents, survivor)).toMatchObject({
        protected: true,
        reason: null,
        quorum: { needed: 2, held: 2, votes: [{ state: 'granted' }, { voter: leaver, state: 'departed' }, {}] },
      });
      expect(agents.disk(leaver).promise).toMatchObject({ kind: 'departed', holder: survivor });
      expect(agents.disk(survivor).departed).toMatchObject({ voter: leaver, counts: true });
      expect(await logOf(agents, survivor)).toContain(`${leaver} has left its vote to this node`);
    },
  );

  test('an owner that leaves is replaced before anything is on disk', () => {
    const { agents, owner, backup } = pair({ name: 'safe' });
    for (const node of ['a', 'b']) agents.disk(node).broken = true;
    agents.stop(owner);
    expect(agents.until(() => agents.owners().includes(backup), SECOND_US)).toBeLessThanOrEqual(3000);
    agents.until(() => !agents.isRunning(owner), 4 * SECOND_US);
    expect(agents.owners()).toEqual([backup]);
  });

  test('the one that left returns, joins, and votes again', () => {
    const { agents, owner, backup } = pair({ name: 'safe' });
    agents.stop(owner);
    agents.until(() => !agents.isRunning(owner), SECOND_US);
    agents.start(owner);
    agents.pass(SECOND_US);
    expect(agents.owners()).toEqual([backup]);
    expect(agents.disk(owner).promise).toBeUndefined();
    expect(agents.disk(backup).departed).toMatchObject({ voter: owner, counts: false });
    expect(statusOf(agents, backup).quorum.votes[1]).toMatchObject({ voter: owner, state: 'granted' });
    agents.pass(10 * SECOND_US);
    agents.stop(backup);
    agents.pass(SECOND_US);
    expect(agents.owners()).toEqual([owner]);
  });

  test('one that returns without its state_dir is counted by its acks from then on, as any other', () => {
    const { agents, owner, backup } = pair({ name: 'safe' });
    agents.stop(owner);
    agents.until(() => !agents.isRunning(owner), SECOND_US);
    expect(agents.disk(backup).departed?.counts).toBe(true);
    agents.disk(owner).promise = undefined;
    agents.start(owner);
    agents.pass(SECOND_US);
    expect(agents.owners()).toEqual([backup]);
    expect(agents.disk(backup).departed?.counts).toBe(false);
    agents.kill(owner);
    agents.pass(SECOND_US);
    expect(agents.owners()).toEqual([]);
  });

  test('one that is on its way out does not count as returned', () => {
    const { agents, owner, backup } = pair({ name: 'safe' });
    const last = agents.group(owner).claim();
    agents.stop(owner);
    agents.until(() => agents.disk(backup).departed !== undefined, SECOND_US);
    agents.group(backup).judge(owner, { ...last, kind: 'none' });
    agents.pass(SECOND_US);
    expect(agents.disk(backup).departed?.counts).toBe(true);
  });

  test('one that returns where nobody is left stays bound, says why, and is freed by join --force', () => {
    const { agents, owner, backup } = pair({ name: 'available' });
    agents.stop(owner);
    agents.until(() => !agents.isRunning(owner), SECOND_US);
    agents.kill(backup);
    agents.start(owner);
    agents.pass(30 * SECOND_US);
    const status = statusOf(agents, owner);
    expect(status.quorum.votes[0]).toEqual({ voter: owner, state: 'departed', remaining_ms: null });
    expect(status.quorum.held).toBe(0);
    expect(status.reason).toContain(`has left its vote to ${backup} when it was stopped`);
    expect(status.reason).toContain("'tiebreak join --force'");
    const group = agents.group(owner);
    expect(group.forceTakeover()).toMatchObject({
      forced: false,
      text: expect.stringContaining('tiebreak join --force'),
    });
    expect(group.forceJoin()).toEqual({
      forced: true,
      text: `${owner}'s vote of edge, left to ${backup} when it was stopped, is its own again`,
    });
    agents.pass(SECOND_US);
    expect(agents.owners()).toEqual([owner]);
    expect(group.forceJoin()).toEqual({ forced: false, text: `${owner} has not left its vote of edge to anyone` });
  });
});

describe('policy available', () => {
  test('a cut link makes two owners, and each of them says so, in the log at once and in the status', async () => {
    const { agents, owner, backup } = pair({ name: 'available' }, false);
    expect(statusOf(agents, owner)).toMatchObject({ protected: true });
    expect(statusOf(agents, owner).reason).toContain('goes to two owners while the nodes cannot hear each other');
    agents.cut.add('a-b');
    agents.until(() => agents.owners().length === 2, 2 * SECOND_US);
    for (const node of [owner, backup]) {
      const warnings = (await agents.lines(node)).filter(
        ({ level, msg }) => level === 40 && /without a majority/.test(msg),
      );
      expect(warnings).toHaveLength(1);
      expect(statusOf(agents, node)).toMatchObject({ protected: false, role: 'active' });
      expect(statusOf(agents, node).reason).toContain('owns without a majority');
    }
    agents.cut.clear();
    agents.pass(2 * SECOND_US);
    expect(agents.owners()).toHaveLength(1);
    const [winner = ''] = agents.owners();
    expect(statusOf(agents, winner)).toMatchObject({ protected: true });
    expect(await logOf(agents, winner)).toContain('a majority votes for this node again: it is protected');
  });
});

describe('takeover --force', () => {
  test('frees the vote that a long promise binds, and tells what follows', () => {
    const { agents, owner, backup } = armed();
    agents.kill(owner);
    agents.pass(5 * SECOND_US);
    expect(agents.group(backup).forceTakeover()).toEqual({
      forced: true,
      text: `${backup}'s vote, promised to ${owner}, is free: it stands for edge and asks the other voters`,
    });
    expect(agents.group(backup).forceTakeover()).toMatchObject({ forced: false });
    agents.pass(SECOND_US / 100);
    expect(agents.disk(backup).promise).toBeUndefined();
  });

  test('an owner has nothing to force, nor has one that stops; what cannot be recorded is not forced', () => {
    const b = new ScriptedMember(new VirtualTime());
    b.own();
    expect(b.group.forceTakeover()).toEqual({ forced: false, text: 'b owns edge already' });
    void b.group.stop();
    b.time.pass(INVITATION_US);
    expect(b.group.forceTakeover()).toEqual({ forced: false, text: 'b is being stopped' });
    const other = new ScriptedMember(new VirtualTime());
    other.time.pass(10_100_000);
    other.recordable = false;
    expect(other.group.forceTakeover()).toEqual({ forced: false, text: 'b could not stand for edge: see its log' });
  });
});

test('a survivor that restarts while the leaver is on its way out keeps counting on its departed vote (L17)', () => {
  const second = 1_000_000;
  const agents = new AgentsInMemory(['a', 'b'], { witness: true });
  agents.pass(5 * second);
  const [survivor = 'a'] = agents.owners();
  const leaver = survivor === 'a' ? 'b' : 'a';
  agents.stop(leaver);
  agents.until(() => agents.disk(leaver).promise !== undefined, second);
  agents.pass(1000);
  // The answer is lost, and the survivor's engine dies once its note is on disk.
  agents.cut.add('a-b');
  agents.until(() => agents.disk(survivor).departed?.counts === true, second);
  agents.kill(survivor);
  agents.start(survivor);
  agents.cut.delete('a-b');
  agents.pass(10 * second);
  expect(agents.disk(survivor).departed?.counts).toBe(true);
});
