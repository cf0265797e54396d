import { boundTo, compareBallots, type MemberEvent, type MemberState } from '@tiebreak/shared/lease';

/**
 * An agent's register may not leave a holder, nor bind for less long, before its end: unless that holder releases it, or
 * the node itself is the holder (L1, L5). Ballots granted and released never sink (L10). Undefined: all is well.
 */
export function checkRegister(
  before: MemberState,
  after: MemberState,
  event: MemberEvent,
  nowUs: number,
): string | undefined {
  if (compareBallots(after.register.highestGranted, before.register.highestGranted) < 0) return 'highest ballot sank';
  if (compareBallots(after.register.released, before.register.released) < 0) return 'released ballot sank';
  const old = boundTo(before.register, nowUs);
  if (old === undefined || old.holder === before.config.node) return undefined;
  const released = (event.type === 'release' || event.type === 'transfer') && event.from === old.holder;
  const forced = event.type === 'force-takeover' || event.type === 'force-join';
  // Whoever votes for another one has ended its own ownership before.
  const handed = event.type === 'verdict' && event.verdict.kind === 'granted' && event.from === old.holder;
  const freed = released || handed || forced || (event.type === 'join' && event.from === old.holder);
  if (freed) return undefined;
  const { bound } = after.register;
  if (bound?.holder !== old.holder) return `${old.holder} lost it to ${bound?.holder ?? 'nobody'} by ${event.type}`;
  if (bound.untilUs < old.untilUs) return `it binds to ${old.holder} for less long than before`;
  return undefined;
}
