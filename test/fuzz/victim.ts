import { ScriptedMember } from '../unit/engine/scripted-group.ts';
import { converse, ScriptedGroup, SidebandEnd } from '../unit/engine/sideband-pair.ts';
import { VirtualTime } from '../unit/engine/virtual-time.ts';

const PEER_ADDRESS = '10.0.0.a';
/** Longer than the window in which a session tells what it has seen from what is too old. */
const MANY_HEARTBEATS = 300;

/** Node b with its whole group, in the middle of its life with peer a, and all that someone on the wire has recorded. */
export type Victim = {
  readonly member: ScriptedMember;
  /** Authentic once: what was sent in this run, in earlier runs of either side, and what was held back for too long. */
  readonly recorded: readonly Uint8Array[];
  /** As if it had come from the peer's address. */
  receive(datagram: Uint8Array): void;
  /** Everything that the group has decided, promised or been promised. */
  decided(): string;
};

export function victim(role: 'backup' | 'active'): Victim {
  const time = new VirtualTime();
  const recorded: Uint8Array[] = [];
  const record = (end: SidebandEnd): SidebandEnd => {
    end.sending = () => recorded.push(...end.sent.slice(-1).map(({ datagram }) => datagram));
    return end;
  };
  earlierRuns(time, record);

  const member = new ScriptedMember(time);
  const ours = record(member.end);
  const group = new ScriptedGroup('edge');
  group.kind = role === 'backup' ? 'owns' : 'none';
  const a = record(new SidebandEnd(time, 'a', 'b', [group]));
  for (let beats = 0; beats < 3; beats += 1) {
    a.link.heartbeatNow();
    converse(a, ours);
  }
  time.pass(10_000_000);
  a.link.heartbeatNow();
  converse(a, ours);
  if (role === 'active') {
    time.pass(1_000_000);
    for (let beats = 0; beats < 20 && member.role !== 'active'; beats += 1) {
      ours.link.heartbeatNow();
      converse(a, ours);
      time.pass(10_000);
    }
  }
  const ballot = role === 'backup' ? { counter: 5, node: 'a' } : member.ballot;
  a.link.release('edge', ballot);
  a.link.transfer('edge', { counter: 900, node: 'a' }, 'b');
  a.link.invite('edge', { counter: 900, node: 'a' });
  a.take();
  for (let beats = 0; beats < MANY_HEARTBEATS; beats += 1) a.link.heartbeatNow();
  converse(a, ours);
  if (member.role !== role) throw new Error(`b is ${member.role}, not ${role}`);
  return {
    member,
    recorded,
    receive: (datagram) => ours.inbox.receive(datagram, PEER_ADDRESS),
    decided: () => JSON.stringify(member.group.state, finite),
  };
}

/** JSON would write never and always alike. */
function finite(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** What a and b said to each other before either was started anew. */
function earlierRuns(time: VirtualTime, record: (end: SidebandEnd) => SidebandEnd): void {
  for (const [startOfA, startOfB] of [
    [1, 0],
    [0, 0],
  ]) {
    const more = (start: number | undefined) => ({ start: start ?? 0 });
    const a = record(new SidebandEnd(time, 'a', 'b', [new ScriptedGroup('edge')], more(startOfA)));
    const b = record(new SidebandEnd(time, 'b', 'a', [new ScriptedGroup('edge')], more(startOfB)));
    for (let beats = 0; beats < 3; beats += 1) {
      a.link.heartbeatNow();
      b.link.heartbeatNow();
      converse(a, b);
    }
    a.link.release('edge', { counter: 5, node: 'a' });
    a.link.transfer('edge', { counter: 800, node: 'a' }, 'b');
    a.link.invite('edge', { counter: 800, node: 'a' });
    converse(a, b);
  }
}
