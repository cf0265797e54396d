import { describe, expect, it } from 'vitest';
import type { GroupStatus, Status } from '../../../agent/api/index.ts';
import { formatSpan } from '../../../agent/cli/span.ts';
import { renderStatus } from '../../../agent/cli/status-text.ts';
import { WELL } from '../api/status-example.ts';

const NOW = Date.parse('2026-01-02T05:09:05.000Z');

function render(change: Partial<GroupStatus> = {}, colour = false): string {
  const status: Status = { ...WELL, groups: WELL.groups.map((group) => ({ ...group, ...change })) };
  return renderStatus(status, { now: NOW, colour });
}

describe('the status for a person', () => {
  it('is short and aligned when all is well', () => {
    expect(render()).toBe(`node a, tiebreak 0.1.0, pid 4711

edge  active for 2 h 5 min
  owner            a (this node), ballot 5.a
  votes            2 held, 2 needed; a granted 612 ms; b granted 432 ms; witness free
  witness          connected, a vote takes 21 ms (p99 48 ms)
  fence            open for 402 ms unless renewed
  eth0             vrid 33 active, priority 200, 192.0.2.100/24
  peer b           heard; 192.0.2.2 heard 62 ms ago, round trip 0.4 ms
  without a        b takes over
  without b        a goes on
  without witness  a goes on
`);
  });

  it('shows what is not as it should be', () => {
    const text = render({
      role: 'fault',
      reason: 'eth0 is down',
      owner: null,
      protected: false,
      fence: { level: 'none', open: false, expires_in_ms: null },
      witness: { state: 'unreachable', vote_ms_p50: null, vote_ms_p99: null },
      peers: [{ node: 'b', state: 'silent', paths: [{ address: '192.0.2.2', heard_ms_ago: null, rtt_ms: null }] }],
      checks: [{ name: 'nginx', kind: 'http', state: 'failing', since: '2026-01-02T05:00:00Z', detail: '503' }],
    });
    for (const part of [
      'edge  fault',
      'reason   eth0 is down',
      'owner    nobody known',
      'unprotected',
      'fence    none',
      'witness  unreachable',
      'peer b   silent; 192.0.2.2 never heard',
      'check    nginx failing: 503',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('has no votes and no witness in mode "vrrp"', () => {
    const text = render({ mode: 'vrrp', policy: null, protected: false });
    expect(text).not.toContain('votes');
    expect(text).not.toContain('witness');
    expect(text).not.toContain('ballot');
  });

  it('is coloured only if asked, and no wider for it', () => {
    expect(render()).not.toContain('\u001b');
    expect(render({}, true)).toContain('\u001b[32mactive');
    const red = render({ witness: { state: 'refused', vote_ms_p50: null, vote_ms_p99: null } }, true);
    expect(red).toContain('\u001b[31mrefused');
  });
});

it.each([
  [0, '0 ms'],
  [0.44, '0.4 ms'],
  [999, '999 ms'],
  [999.9, '1.0 s'],
  [59_949, '59.9 s'],
  [59_999, '1 min 0 s'],
  [200_000, '3 min 20 s'],
  [3_599_999, '1 h 0 min'],
  [7_500_000, '2 h 5 min'],
  [529_200_000, '6 d 3 h'],
  [-5, '0 ms'],
])('%d ms reads as %s', (ms, text) => {
  expect(formatSpan(ms)).toBe(text);
});
