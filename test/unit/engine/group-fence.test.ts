import type { MemberEvent } from '@tiebreak/shared/lease';
import { expect, test } from 'vitest';
import { GroupFence } from '../../../agent/engine/group-fence.ts';
import { LeaseRefresh } from '../../../agent/engine/lease-refresh.ts';
import { RateLimitedLog } from '../../../agent/engine/rate-limited-log.ts';
import { createLogger } from '../../../agent/log/index.ts';
import { ScriptedFence } from './scripted-group.ts';
import { VirtualTime } from './virtual-time.ts';

test.each([true, false])('a refresh says what it was asked with: resting on the witness is %s (L12)', (rests) => {
  const time = new VirtualTime();
  const kernel = new ScriptedFence(time, []);
  const outcomes: MemberEvent[] = [];
  const fence = new GroupFence({
    fence: kernel,
    group: { id: 1, name: 'edge' },
    complaints: new RateLimitedLog(createLogger('silent')),
    leaseRefresh: new LeaseRefresh(kernel, time),
    onRefreshed: (outcome) => outcomes.push(outcome),
    replaced: () => {},
  });
  fence.refreshSoon(time.nowUs() + 1_000_000, rests);
  expect(outcomes).toMatchObject([{ type: 'fence-refreshed', restsOnWitness: rests }]);
});
