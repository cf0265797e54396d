import { expect, test } from 'vitest';
import { commandTree, everyCommand } from '../../../agent/cli/completion/index.ts';
import { createProgram } from '../../../agent/cli/program.ts';
import { FLOATING_IP_KEYS } from '../../../agent/config/floating-ip.ts';
import { KNOWN_KEYS } from '../../../agent/config/schema.ts';
import { manualPages } from '../../../packaging/man/index.ts';

const [tiebreak, configuration] = manualPages({ version: '1.2.3', epoch: 1_700_000_000 });

/** The section of the page in which the keys of each table are; a table within a key is described with that key. */
const SECTIONS: Readonly<Record<string, string>> = {
  '': 'AT THE TOP',
  api: 'API',
  witness: 'WITNESS',
  group: 'GROUP',
  'group.peers': 'GROUP',
  'group.virtual_router': 'VIRTUAL ROUTER',
  'group.virtual_router.addresses': 'VIRTUAL ROUTER',
  'group.virtual_router.announce': 'VIRTUAL ROUTER',
  'group.virtual_router.auth_hmac': 'VIRTUAL ROUTER',
  'group.virtual_router.routes': 'VIRTUAL ROUTER',
  'group.check': 'CHECK',
  'group.check.arp': 'CHECK',
  'group.notify': 'NOTIFY',
  'group.floating_ip': 'FLOATING IP',
};

function section(title: string): string {
  const [, text] = (configuration?.text ?? '').split(`.Sh ${title}\n`);
  return text?.split('\n.Sh ')[0] ?? '';
}

test('both pages say their version and date', () => {
  for (const page of [tiebreak, configuration]) {
    expect(page?.text).toContain('.Os tiebreak 1.2.3\n');
    expect(page?.text).toContain('.Dd November 14, 2023\n');
    expect(page?.text).not.toMatch(/@[A-Z]+@/);
  }
});

test('tiebreak(1) has every command with every option', () => {
  const sections = (tiebreak?.text ?? '').replaceAll('\\-', '-').split('\n.Ss ');
  for (const { path, commands, options } of everyCommand(commandTree(createProgram()))) {
    if (commands.length > 0) continue;
    const text = sections.find((part) => part.startsWith(`${path.slice(1).join(' ')}\n`));
    for (const { flags } of options) {
      expect(text).toContain(`.It ${flags.map((flag) => `Fl ${flag.slice(1)}`).join(' , ')}`);
    }
  }
});

test.each([...KNOWN_KEYS])('tiebreak.toml(5) has every key of [%s]', (table, keys) => {
  const title = SECTIONS[table];
  expect(title).toBeDefined();
  const words = section(title ?? '')
    .replaceAll('\\-', '-')
    .split(/[\s,]+/);
  expect(keys.filter((key) => !words.includes(key))).toEqual([]);
});

test('tiebreak.toml(5) names no key that is not there', () => {
  const known = new Set([...KNOWN_KEYS.values()].flat().concat(FLOATING_IP_KEYS));
  const named = (configuration?.text ?? '').split('\n').flatMap((line) => /^\.(?:It )?Ic (.+)$/.exec(line)?.[1] ?? []);
  const keys = named.flatMap((line) => line.split(/[\s,]+/).filter((word) => /^[a-z_]+$/.test(word)));
  expect(keys.length).toBeGreaterThan(60);
  expect(keys.filter((key) => !known.has(key))).toEqual([]);
});
