import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KNOWN_KEYS } from '../../../agent/config/schema.ts';

const PAGE = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');

/** The first column of the table below each heading. */
const TABLES = new Map(
  PAGE.split(/^## /m)
    .slice(1)
    .map((section): [string, string[]] => {
      const [heading = ''] = section.split('\n', 1);
      return [heading, [...section.matchAll(/^\| `([a-z_]+)` +\|/gm)].flatMap(([, key]) => key ?? [])];
    }),
);

const HEADINGS = new Map([
  ['', 'The node'],
  ['api', '`[api]`'],
  ['witness', '`[witness]`'],
  ['group', '`[[group]]`'],
  ['group.peers', '`peers` in a group'],
  ['group.virtual_router', '`[[group.virtual_router]]`'],
  ['group.virtual_router.addresses', '`addresses` of a virtual router'],
  ['group.virtual_router.announce', '`announce` of a virtual router'],
  ['group.virtual_router.auth_hmac', '`auth_hmac` of a virtual router'],
  ['group.virtual_router.routes', '`routes` of a virtual router'],
  ['group.check', '`[[group.check]]`'],
  ['group.check.arp', '`arp` of a check'],
  ['group.notify', '`[[group.notify]]`'],
  ['group.floating_ip', '`[[group.floating_ip]]`'],
]);

describe('docs/configuration.md has every key, and no other', () => {
  it.each([...KNOWN_KEYS])('%s', (path, keys) => {
    expect(TABLES.get(HEADINGS.get(path) ?? path)?.toSorted()).toEqual(keys.toSorted());
  });

  it('and no other table', () => expect([...TABLES.keys()]).toEqual([...HEADINGS.values()]));
});
