import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readKeepalived, translate } from '../../../agent/import/index.ts';
import { IN_INSTANCE, IN_SYNC_GROUP } from '../../../agent/import/no-equivalent.ts';

const PAGE = readFileSync(new URL('../../../docs/migrate-from-keepalived.md', import.meta.url), 'utf8');

/** Each keepalived.conf of the page, and the configuration that it says comes of it. */
const EXAMPLES = [...PAGE.matchAll(/^```keepalived\n(.*?)^```$.*?^```toml\n(.*?)^```$/gms)].map(
  ([, before, after]) => ({
    before: before ?? '',
    after: after ?? '',
  }),
);

/** Without the head, which is about what to do with it. */
function imported(text: string): string {
  const read = readKeepalived({ file: 'keepalived.conf', text }, { configId: 'a', include: () => [] });
  const options = { file: 'keepalived.conf', node: 'a', findProgram: (name: string) => `/usr/bin/${name}` };
  const { toml = '', findings } = translate(read, options);
  expect(findings.filter(({ kind }) => kind !== 'left_out')).toEqual([]);
  return toml.slice(toml.indexOf('\n\nnode = ') + 2);
}

describe('the guide for those who come from keepalived', () => {
  it('has examples', () => expect(EXAMPLES.length).toBe(2));

  it.each(EXAMPLES)('shows what import writes: %#', ({ before, after }) => {
    expect(imported(before)).toBe(after);
  });

  it('has a word for every keyword of an instance and a sync group that has no equivalent', () => {
    const families = /^(?:vrrp_)?(?:garp_|vmac_garp)|^lvs_|thread_timer|timer_expired|^global_tracking$/;
    const missing = [...IN_INSTANCE.keys(), ...IN_SYNC_GROUP.keys()].filter(
      (keyword) => !families.test(keyword) && !PAGE.includes(`\`${keyword}`),
    );
    expect(missing).toEqual([]);
  });
});
