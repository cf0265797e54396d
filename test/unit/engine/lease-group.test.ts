import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GROUP, INTERVAL_US, INVITATION_US, ROUTER, ScriptedMember } from './scripted-group.ts';
import { VirtualTime } from './virtual-time.ts';

function member(): ScriptedMember {
  return new ScriptedMember(new VirtualTime());
}

function owner(): ScriptedMember {
  const owning = member();
  owning.own();
  return owning;
}

const CLOSE_FAILS = { confirmed: false, text: 'nothing came back' } as const;

describe('becoming the owner', () => {
  test('the fence first, then the addresses, then everyone is told', () => {
    const b = member();
    b.time.pass(10_000_000 + 3.5 * INTERVAL_US);
    b.done();
    b.acked();
    expect(b.done()).toEqual(['open', 'add addresses', 'announce', 'advertise 100', 'release witness 1']);
    expect(b.role).toBe('active');
  });

  test('an opening that is refused adds no address; nothing is released before the fence is confirmed closed', () => {
    const b = member();
    b.fence.opening = 'not_confirmed';
    b.time.pass(10_000_000 + 3.5 * INTERVAL_US);
    b.done();
    b.acked();
    const done = b.done();
    expect(done.slice(0, 3)).toEqual(['open refused', 'close', 'remove addresses']);
    expect(done.slice(3).sort()).toEqual(['advertise 0', 'release witness 1', 'send release']);
    expect(b.role).toBe('backup');
  });

  test('a lease too short to open leaves the candidacy as it was, and is no complaint', () => {
    const b = member();
    b.fence.opening = 'lease_too_short';
    b.time.pass(10_000_000 + 3.5 * INTERVAL_US);
    b.acked();
    expect(b.role).toBe('candidate');
    expect(b.lines().filter(({ level }) => level >= 40)).toEqual([]);
  });
});

describe('ceasing to be the owner', () => {
  test('a refresh that is refused: closed first, then gone, then released, and the log says what the kernel said', () => {
    const b = owner();
    b.fence.refreshing = 'expired';
    b.time.pass(INTERVAL_US / 2);
    b.done();
    b.acked();
    b.time.pass(0);
    expect(b.role).toBe('backup');
    const done = b.done().filter((what) => !what.includes('witness'));
    expect(done.slice(0, 3)).toEqual(['refresh refused', 'close', 'remove addresses']);
    expect(done.slice(3)).toContain('send release');
    expect(b.lines().map(({ msg }) => msg)).toContain(
      'edge: the kernel did not confirm the fence: the kernel says expired',
    );
  });

  test('a refresh that has been asked for is not done once the fence is closed', () => {
    const b = owner();
    b.time.pass(INTERVAL_US / 2);
    b.acked();
    b.done();
    b.group.fenceGone();
    b.time.pass(0);
    expect(b.role).toBe('backup');
    expect(b.done().filter((what) => what === 'refresh')).toEqual([]);
  });

  test('nothing is removed, released or said while closing fails; all of it once it succeeds (L5, L7)', () => {
    const b = owner();
    b.fence.closing = CLOSE_FAILS;
    void b.group.stop();
    b.time.pass(INVITATION_US - 1);
    b.done();
    b.time.pass(60_000);
    expect(b.role).toBe('closing');
    expect(new Set(b.done())).toEqual(new Set(['close fails']));
    const complaints = b.lines().filter(({ level }) => level === 50);
    expect(complaints).toHaveLength(1);
    expect(complaints[0]?.msg).toContain('not confirmed closed, so nothing is released yet');

    b.fence.closing = { confirmed: true, by: 'packet' };
    b.time.pass(20_000);
    const done = b.done();
    expect(done.slice(0, 2)).toEqual(['close', 'remove addresses']);
    expect(done.slice(2)).toEqual(expect.arrayContaining(['advertise 0', 'send transfer']));
  });

  test('the vote for a successor that is ready answers its claim, with the fence closed and before the TRANSFER', async () => {
    const b = owner();
    b.hear('none', 1);
    b.group.handOver('a');
    expect(b.done()).toEqual(['send invite']);
    expect(b.hear('ready', 50)).toMatchObject({ kind: 'granted', ballot: { counter: 50, node: 'a' } });
    expect(b.records.at(-1)).toMatchObject({ holder: 'a', ballot: { counter: 50, node: 'a' } });
    const done = b.done();
    expect(done).toContain('close');
    expect(done).not.toContain('remove addresses');
    await Promise.resolve();
    expect(b.done()).toEqual(['remove addresses', 'send transfer', 'advertise 0']);
  });

  test('without the whole fence the addresses go before the vote', () => {
    const b = owner();
    b.fence.level = 'no_egress';
    b.hear('none', 1);
    b.group.handOver('a');
    b.done();
    expect(b.hear('ready', 50)).toMatchObject({ kind: 'granted' });
    expect(b.done().slice(0, 2)).toEqual(['close', 'remove addresses']);
  });

  test('a vote that cannot be recorded is not given to the successor either; the group is given up all the same (L9)', () => {
    const b = owner();
    b.hear('none', 1);
    b.group.handOver('a');
    b.recordable = false;
    expect(b.hear('ready', 50)).toBeUndefined();
    expect(b.role).toBe('closing');
    b.time.pass(20_000);
    expect(b.role).toBe('backup');
    expect(b.done()).toContain('send transfer');
  });

  test('a fence that nobody can close is waited out, and only then released', () => {
    const b = owner();
    b.fence.closing = CLOSE_FAILS;
    const openUntilUs = b.fence.openUntil ?? 0;
    void b.group.stop();
    b.time.pass(openUntilUs - b.time.nowUs());
    expect(b.done()).not.toContain('send release');
    b.time.pass(1_000_000);
    expect(b.done().filter((what) => what.startsWith('send'))).toEqual(['send release']);
    expect(b.role).toBe('stopped');
  });

  test('a higher owner gets no vote while the fence may be open, also when closing succeeds at once (L7)', () => {
    const b = owner();
    expect(b.hear('owns', 9)).toMatchObject({ kind: 'refused', reason: 'bound' });
    expect(b.done().slice(0, 2)).toEqual(['close', 'remove addresses']);
    expect(b.hear('owns', 9)).toMatchObject({ kind: 'granted', promiseMs: 250 });
  });

  test('a lower owner makes it announce with every heartbeat, and tell of the healed conflict once (L8)', async () => {
    const b = owner();
    for (let beats = 0; beats < 3; beats += 1) expect(b.hear('owns', 0)).toMatchObject({ kind: 'refused' });
    expect(b.done().filter((what) => what === 'announce')).toHaveLength(3);
    await new Promise((resolve) => setImmediate(resolve));
    const told = b.lines().filter(({ msg }) => msg.includes('conflict healed: announced again'));
    expect(told.map(({ msg }) => msg)).toEqual([expect.stringContaining('a claimed the group with ballot 0.a')]);
    // Scripts and clouds too: once for a conflict, as owner.
    expect(b.toldAgain).toMatchObject([
      { state: 'active', cause: 'conflict_healed', ballot: { counter: 1, node: 'b' } },
    ]);
  });

  test('a lost link is told of in the log, and in the faults until it is back', async () => {
    const b = owner();
    b.group.linkChanged('eth0', false);
    expect(b.group.faults).toEqual(['no link on eth0']);
    b.group.linkChanged('eth0', true);
    expect(b.group.faults).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(b.lines().filter(({ msg }) => msg.startsWith('edge: the link of eth0'))).toHaveLength(2);
  });

  test('a higher owner gets no vote for as long as closing fails (L7)', () => {
    const b = owner();
    b.fence.closing = CLOSE_FAILS;
    for (let beats = 0; beats < 3; beats += 1) {
      expect(b.hear('owns', 9)).toMatchObject({ kind: 'refused', reason: 'bound' });
      b.time.pass(20_000);
    }
    b.fence.closing = { confirmed: true, by: 'packet' };
    b.time.pass(20_000);
    expect(b.hear('owns', 9)).toMatchObject({ kind: 'granted' });
  });

  test('after a pause beyond the lease a claim that waited in the socket finds the fence closed, not an owner', () => {
    const b = owner();
    b.time.stall(2_000_000);
    b.hear('requests', 9);
    expect(b.done()[0]).toBe('close');
    expect(b.role).not.toBe('active');
  });

  test('tables made anew for one group close the others, which then release at once', () => {
    const b = owner();
    b.fence.closing = { confirmed: true, by: 'replacement', alsoClosed: [2] };
    void b.group.stop();
    b.time.pass(INVITATION_US);
    expect(b.replaced).toEqual([[2]]);
    const other = owner();
    other.group.fenceGone();
    expect(other.role).toBe('backup');
    expect(other.done()).toContain('send release');
  });

  test('a group that was closed neither acts nor rings any more', async () => {
    const b = owner();
    b.fence.closing = CLOSE_FAILS;
    const stopped = b.group.stop();
    b.group.close();
    await stopped;
    b.done();
    b.time.pass(5_000_000);
    expect(b.hear('owns', 9)).toBeUndefined();
    expect(b.done()).toEqual([]);
  });
});

describe('asking the witness', () => {
  test('what has arrived from the peer is heard first; then the witness is asked', () => {
    const b = owner();
    b.time.pass(INTERVAL_US / 4);
    expect(b.done()).toEqual(['ask witness 2']);
  });

  test('a request that has not left when its vote is given back does not follow its own release (L5)', () => {
    const b = member();
    b.time.pass(10_000_000 + 3.5 * INTERVAL_US - 1);
    b.done();
    b.time.stall(1);
    b.group.start([b.end.link], []); // the down timer's tick: b stands and wants the witness's vote
    expect(b.role).toBe('candidate');
    void b.group.stop();
    b.time.pass(INTERVAL_US);
    expect(b.done()).toEqual(['send release', 'release witness 1']);
  });
});

describe('what comes over the wire without the key', () => {
  test('no bytes change any state of a member, whatever its role', () => {
    const members = [member(), member(), owner()];
    members[1]?.time.pass(10_200_000);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, dressed) => {
        // As a header of ours, or as it comes.
        if (dressed) bytes.set([0x54, 0x42, 1, 1, 1].slice(0, bytes.length));
        for (const b of members) {
          const before = b.group.state;
          b.end.inbox.receive(bytes, '10.0.0.a');
          expect(b.group.state).toBe(before);
          expect(b.done()).toEqual([]);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('ballots that cannot be recorded (L10)', () => {
  test('a node does not stand with one, says so once, and stands as soon as it can be recorded', () => {
    const b = member();
    b.ballots = { foresee: () => {}, mayUse: (counter) => counter === 0 };
    b.time.pass(15_000_000);
    expect(b.role).toBe('backup');
    expect(b.history).toEqual([]);
    const complaints = b.lines().filter(({ level }) => level === 50);
    expect(complaints).toHaveLength(1);
    expect(complaints[0]?.msg).toContain('cannot be recorded in state_dir');

    b.ballots = { foresee: () => {}, mayUse: () => true };
    b.time.pass(INTERVAL_US);
    expect(b.role).toBe('candidate');
  });

  test('a node does not grant one: the ack says nothing of the group', () => {
    const b = member();
    b.time.pass(10_100_000);
    b.ballots = { foresee: () => {}, mayUse: (counter) => counter <= 1000 };
    expect(b.hear('requests', 1001)).toBeUndefined();
    expect(b.hear('requests', 1000)).toMatchObject({ kind: 'granted' });
  });

  test('an owner whose disk fails goes on owning under its own ballot', () => {
    const b = owner();
    b.ballots = { foresee: () => {}, mayUse: (counter) => counter <= 1 };
    for (let beats = 0; beats < 40; beats += 1) {
      b.acked();
      b.time.pass(INTERVAL_US / 2);
    }
    expect(b.role).toBe('active');
    expect(b.done()).toContain('refresh');
  });

  test('what others have seen is foreseen, so that the reserve grows before it is needed', () => {
    const b = member();
    let foreseen = 0;
    b.ballots = {
      foresee: (counter) => {
        foreseen = Math.max(foreseen, counter);
      },
      mayUse: () => true,
    };
    b.hear('none', 4711);
    expect(foreseen).toBe(4711);
  });
});

describe('the register in run_dir (L9)', () => {
  const RECORDED = {
    kind: 'recorded',
    record: {
      holder: 'a',
      ballot: { counter: 7, node: 'a' },
      endUs: 5_000_000,
      highestGranted: { counter: 7, node: 'a' },
      released: { counter: 0, node: '' },
    },
  } as const;

  function restarted(): ScriptedMember {
    return new ScriptedMember(new VirtualTime(), RECORDED);
  }

  test('a vote is recorded before its verdict is known to anyone', () => {
    const b = member();
    b.time.pass(10_100_000);
    expect(b.records.some(({ holder }) => holder === 'a')).toBe(false);
    expect(b.hear('requests', 5)).toMatchObject({ kind: 'granted' });
    expect(b.records.at(-1)).toMatchObject({ holder: 'a', ballot: { counter: 5, node: 'a' } });
  });

  test('a restarted backup acks its recorded owner at once', () => {
    expect(restarted().hear('owns', 7)).toMatchObject({ kind: 'granted' });
  });

  test('and grants nobody less than that', () => {
    expect(restarted().hear('owns', 6)).toMatchObject({ kind: 'refused', reason: 'lower_ballot' });
  });

  test('a vote that cannot be recorded is not given, and the log says so once', () => {
    const b = member();
    b.time.pass(10_100_000);
    b.recordable = false;
    expect(b.hear('requests', 5)).toBeUndefined();
    expect(b.hear('requests', 5)).toBeUndefined();
    expect(b.group.state.register.bound).toBeUndefined();
    const complaints = b.lines().filter(({ level }) => level === 50);
    expect(complaints).toHaveLength(1);
    expect(complaints[0]?.msg).toContain('cannot be recorded in run_dir');

    b.recordable = true;
    expect(b.hear('requests', 5)).toMatchObject({ kind: 'granted' });
  });

  test('a node that cannot record its own vote does not stand, and stands as soon as it can', () => {
    const b = member();
    b.time.pass(10_100_000);
    b.recordable = false;
    b.time.pass(5_000_000);
    expect(b.role).toBe('backup');
    expect(b.records.some(({ holder }) => holder === 'b')).toBe(false);
    b.recordable = true;
    b.time.pass(INTERVAL_US);
    expect(b.role).toBe('candidate');
    expect(b.records.at(-1)).toMatchObject({ holder: 'b' });
  });

  test('an owner whose run_dir is full goes on owning, and can still give the group up', () => {
    const b = owner();
    b.recordable = false;
    for (let beats = 0; beats < 40; beats += 1) {
      b.acked();
      b.time.pass(INTERVAL_US / 2);
    }
    expect(b.role).toBe('active');
    b.done();
    void b.group.stop();
    b.time.pass(INVITATION_US);
    expect(b.done()).toEqual(expect.arrayContaining(['close', 'remove addresses']));
  });
});

describe('a host that was suspended', () => {
  test('as the owner closes its fence before anything else, whatever wakes it', () => {
    const b = owner();
    b.time.suspend(60_000_000);
    b.hear('none', 1);
    expect(b.done().slice(0, 2)).toEqual(['close', 'remove addresses']);
    expect(b.role).toBe('backup');
  });

  test('as one that merely stood still goes by its votes, as long as they last', () => {
    const b = owner();
    b.time.stall(INTERVAL_US / 2);
    b.hear('none', 1);
    expect(b.role).toBe('active');
  });
});

describe('another configuration of the same identity (L16)', () => {
  test('reaches an owner without a change of role: the routers hear of it, and a new one is announced', () => {
    const b = new ScriptedMember(new VirtualTime());
    b.own();
    const { ballot } = b;
    const config = { ...GROUP, priority: 150, virtualRouters: [{ ...ROUTER, priority: 150 }] };
    const member = { ...b.group.state.config, priority: 150 };
    b.group.configure({ config, member, skewUsOf: () => 7 }, () => {
      b.history.push('replace');
      const router = { ...b.router(), config: config.virtualRouters[0] ?? ROUTER };
      return { routers: [router], added: [router] };
    });
    expect(b.done().filter((done) => !done.startsWith('send'))).toEqual([
      'replace',
      'add addresses',
      'announce',
      'advertise 150',
    ]);
    expect([b.role, b.ballot]).toEqual(['active', ballot]);
    expect(b.group.state.fitness).toEqual({ priority: 150, skewUs: 7, unfit: undefined });
    expect(b.group.config).toBe(config);
  });

  test('reaches a backup, which adds nothing', () => {
    const b = new ScriptedMember(new VirtualTime());
    b.group.configure({ config: GROUP, member: b.group.state.config, skewUsOf: () => 7 }, () => ({
      routers: [b.router()],
      added: [b.router()],
    }));
    expect(b.done()).toEqual([]);
  });
});
