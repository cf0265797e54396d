import { expect, it } from 'vitest';
import { RateLimitedLog } from '../../../agent/engine/rate-limited-log.ts';
import { WitnessHealth } from '../../../agent/engine/witness-health.ts';
import { recordedLog } from './recorded-log.ts';
import { VirtualTime } from './virtual-time.ts';

const REPORT = { group: 'edge', check: 'nginx', healthy: false, detail: '502', in_a_row: 2, stamp_ms: 1_000 };

function desk(known: string) {
  const asked: unknown[] = [];
  const { log, lines } = recordedLog();
  const health = new WitnessHealth((group, check, said) => {
    asked.push([group, check, said]);
    return check === known ? { ok: true, detail: '' } : { ok: false, reason: 'not_found', detail: `no check ${check}` };
  }, new RateLimitedLog(log, new VirtualTime().nowUs));
  return { asked, health, lines };
}

it('reports to the group what the witness passes on, once however often it is told', () => {
  const { asked, health } = desk('nginx');
  health.heard(REPORT);
  health.heard(REPORT);
  health.heard({ ...REPORT, healthy: true, stamp_ms: 999 });
  expect(asked).toEqual([['edge', 'nginx', { healthy: false, detail: '502', inARow: 2 }]]);
  health.heard({ ...REPORT, in_a_row: 3, stamp_ms: 1_001 });
  health.heard({ ...REPORT, check: 'mysql' });
  expect(asked).toHaveLength(3);
});

it('says what nobody here can use', () => {
  const { health, lines } = desk('mysql');
  health.heard(REPORT);
  expect(lines().map(({ msg }) => msg)).toEqual([
    'the witness passed on a report that nobody here can use: no check nginx',
  ]);
});
