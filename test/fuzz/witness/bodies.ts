import type { Random } from '../../../agent/simulation/random.ts';

const MUTATIONS_MAX = 3;
const BYTES_MAX = 2_000;
const DEPTH_MAX = 4_000;
/** Above what the witness takes. */
const TOO_LONG = 70_000;

const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  '',
  'edge',
  '\u0000',
  '\ud800',
  'a'.repeat(300),
  -1,
  0,
  0.5,
  1e308,
  2 ** 53,
  -(2 ** 63),
  [],
  {},
  [[]],
  { kind: 'free' },
];
const PROTOTYPE_KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];
const ODD_JSON = [
  '',
  ' ',
  'null',
  '1e999',
  '-0',
  '"',
  '{',
  '[',
  '{"a":1,"a":2}',
  'NaN',
  '\ufeff{}',
  '{}{}',
  'undefined',
];

/** Nearly what belongs there, or nothing of the kind. */
export function spoiltBody(random: Random, genuine: readonly unknown[]): Buffer {
  switch (random.integer(8)) {
    case 0:
      return Buffer.from(Uint8Array.from({ length: random.integer(BYTES_MAX) }, () => random.integer(256)));
    case 1:
      return Buffer.from(random.pick(ODD_JSON));
    case 2:
      return Buffer.from(nested(random));
    case 3:
      return flipped(random, Buffer.from(JSON.stringify(random.pick(genuine))));
    case 4:
      return Buffer.from(JSON.stringify({ ...Object(random.pick(genuine)), more: 'x'.repeat(TOO_LONG) }));
    default: {
      const body: unknown = structuredClone(random.pick(genuine));
      for (let times = 1 + random.integer(MUTATIONS_MAX); times > 0; times -= 1) mutate(random, body);
      const text = JSON.stringify(body);
      // Whatever JSON.stringify does with such a key, the wire can carry it.
      return Buffer.from(
        random.chance(0.1) ? text.replace('{', `{"${random.pick(PROTOTYPE_KEYS)}":{"type":"vote"},`) : text,
      );
    }
  }
}

function nested(random: Random): string {
  const depth = 1 + random.integer(DEPTH_MAX);
  return random.chance(0.5) ? '['.repeat(depth) + ']'.repeat(depth) : `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
}

function flipped(random: Random, bytes: Buffer): Buffer {
  for (let flips = 1 + random.integer(4); flips > 0; flips -= 1)
    bytes[random.integer(bytes.length)] = random.integer(256);
  return bytes;
}

/** One field somewhere in it gets an odd value, another name, or goes. */
function mutate(random: Random, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const keys = Object.keys(value);
  if (keys.length === 0) return;
  const key = random.pick(keys);
  const inner: unknown = Reflect.get(value, key);
  if (typeof inner === 'object' && inner !== null && random.chance(0.5)) {
    mutate(random, inner);
    return;
  }
  switch (random.integer(5)) {
    case 0:
      Reflect.deleteProperty(value, key);
      return;
    case 1:
      Reflect.set(value, `${key}_`, inner);
      return;
    default:
      Reflect.set(value, key, structuredClone(random.pick(ODD_VALUES)));
  }
}
