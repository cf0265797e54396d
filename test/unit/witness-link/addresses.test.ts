import type { LookupAddress } from 'node:dns';
import { expect, onTestFinished, test } from 'vitest';
import { Addresses, type Resolve } from '../../../agent/witness-link/addresses.ts';

const V4 = { address: '192.0.2.9', family: 4 };
const V6 = { address: '2001:db8::9', family: 6 };

/** A resolver that answers when it is told to. */
function scriptedResolver() {
  const asked: { hostname: string; answer: Parameters<Resolve>[2] }[] = [];
  const resolve: Resolve = (hostname, _options, answer) => asked.push({ hostname, answer });
  return { asked, resolve };
}

function start(hostname = 'witness.example') {
  const { asked, resolve } = scriptedResolver();
  const addresses = new Addresses(hostname, resolve);
  onTestFinished(() => addresses.close());
  return { addresses, asked };
}

function lookupAll(addresses: Addresses): { answers: LookupAddress[][]; errors: string[] } {
  const seen: { answers: LookupAddress[][]; errors: string[] } = { answers: [], errors: [] };
  addresses.lookup('witness.example', { all: true }, (error, found) => {
    if (error) seen.errors.push(error.code ?? '');
    else if (typeof found !== 'string') seen.answers.push(found);
  });
  return seen;
}

test('a known name is answered at once, without asking the resolver', () => {
  const { addresses, asked } = start();
  asked[0]?.answer(null, [V4, V6]);
  expect(lookupAll(addresses).answers).toEqual([[V4, V6]]);
  expect(asked).toHaveLength(1);
});

test('a resolver that fails later takes no known address away', () => {
  const { addresses, asked } = start();
  asked[0]?.answer(null, [V4]);
  addresses.refresh();
  asked[1]?.answer(Object.assign(new Error('no'), { code: 'EAI_AGAIN' }), []);
  expect(lookupAll(addresses).answers).toEqual([[V4]]);
});

test('before the first answer a look-up waits, and hears of the failure', () => {
  const { addresses, asked } = start();
  const seen = lookupAll(addresses);
  expect(seen).toEqual({ answers: [], errors: [] });
  asked[0]?.answer(Object.assign(new Error('no'), { code: 'EAI_AGAIN' }), []);
  expect(seen.errors).toEqual(['EAI_AGAIN']);
  expect(asked).toHaveLength(1);
});

test('a single address of the wanted family is given to who asks for one', () => {
  const { addresses, asked } = start();
  asked[0]?.answer(null, [V4, V6]);
  let found: unknown[] = [];
  addresses.lookup('witness.example', { family: 6 }, (...answer) => {
    found = answer;
  });
  expect(found).toEqual([null, V6.address, 6]);
});

test("an IPv6 address in a URL is asked without the URL's brackets", () => {
  expect(start('[2001:db8::9]').asked[0]?.hostname).toBe('2001:db8::9');
});
