import { describe, expect, it } from 'vitest';
import { summarize } from '../../../agent/cli/check.ts';
import { configOf, edit, PAIR, problemsOf, warningsOf } from './example.ts';

/** Lines 3 to 7. */
const NO_WITNESS = PAIR.replace(/\[witness\][^[]*/, '');

function withLine(line: string, text = PAIR): string {
  return edit(text, 'name = "edge"', `name = "edge"\n${line}`);
}

/** A group of so many agents. */
function agents(count: number, text = PAIR): string {
  const more = ['c', 'd', 'e', 'f'].slice(0, count - 2);
  const peers = more.map((node, index) => `, { node = "${node}", addresses = ["192.0.2.${3 + index}"] }`);
  return edit(text, '["192.0.2.2"] }', `["192.0.2.2"] }${peers.join('')}`);
}

function policyOf(text: string) {
  const [group] = configOf(text).groups;
  return group?.mode === 'lease' ? group.policy : undefined;
}

describe('the policy', () => {
  it('is bias by default with two agents and a witness, and safe everywhere else', () => {
    expect(policyOf(PAIR)).toEqual({ name: 'bias', promiseMs: 60_000 });
    for (const text of [agents(3), agents(4), agents(5), agents(3, NO_WITNESS), agents(5, NO_WITNESS)]) {
      expect(policyOf(text)).toEqual({ name: 'safe' });
    }
  });

  it('may be each of the three with two agents and a witness', () => {
    expect(policyOf(withLine('policy = "safe"'))).toEqual({ name: 'safe' });
    expect(policyOf(withLine('policy = "available"'))).toEqual({ name: 'available' });
    const long = 'policy = "bias"\nbias_promise = "10m"';
    expect(policyOf(withLine(long))).toEqual({ name: 'bias', promiseMs: 600_000 });
  });

  it('available does without a witness at any number', () => {
    for (const count of [2, 3, 4, 5]) {
      const text = withLine('policy = "available"', agents(count, NO_WITNESS));
      expect(policyOf(text)).toEqual({ name: 'available' });
      expect(warningsOf(text)).toEqual([]);
    }
  });

  it.each([3, 4, 5])('bias is not for %i agents', (count) => {
    const number = { 3: 'three', 4: 'four', 5: 'five' }[count];
    expect(problemsOf(withLine('policy = "bias"', agents(count)))).toEqual([
      `edge.toml:10:10  group[0].policy: "bias" is for two agents and a witness, and these are ${number}; leave it out for "safe"`,
    ]);
  });

  it.each([
    ['policy = "safe"', PAIR],
    ['policy = "available"', PAIR],
    ['sideband_port = 1', agents(3)],
    ['policy = "available"', NO_WITNESS],
  ])('bias_promise is for bias only, not with %s', (line, text) => {
    const at = text === NO_WITNESS ? 6 : 11;
    expect(problemsOf(withLine(`${line}\nbias_promise = "60s"`, text))).toEqual([
      `edge.toml:${at}:1  group[0].bias_promise: is for policy "bias" only, which is for two agents and a witness; leave it out`,
    ]);
  });

  it.each(['10s', '601s'])('bias_promise is above 10 s and at most 10 min: not %s', (duration) => {
    expect(problemsOf(withLine(`bias_promise = "${duration}"`))).toEqual([
      expect.stringContaining('group[0].bias_promise: must be above 10s and at most 10m; this is '),
    ]);
  });

  it('has no effect in mode "vrrp"', () => {
    const text = withLine('mode = "vrrp"\npolicy = "bias"\nbias_promise = "1s"');
    expect(warningsOf(text).map(({ path }) => path)).toEqual(
      expect.arrayContaining(['group[0].policy', 'group[0].bias_promise']),
    );
  });
});

describe('the number of agents', () => {
  it('is five at most', () => {
    expect(problemsOf(agents(5))).toEqual([]);
    expect(problemsOf(agents(6))).toEqual([
      'edge.toml:11:9  group[0].peers: a group has five nodes at most: name four peers',
    ]);
  });

  it('two without a witness are refused, whatever the policy but available', () => {
    for (const line of ['policy = "safe"', 'policy = "bias"', 'bias_promise = "60s"']) {
      expect(problemsOf(withLine(line, NO_WITNESS))).toEqual([
        expect.stringContaining('two agents without a witness can never survive the loss of one'),
      ]);
    }
  });

  it('four without a witness survive one loss only: a warning', () => {
    expect(warningsOf(agents(4, NO_WITNESS))).toEqual([
      {
        file: 'edge.toml',
        line: 3,
        column: 1,
        path: 'group[0]',
        message: 'four agents without a witness survive the loss of one only',
        hint: 'with [witness] they survive the loss of two',
      },
    ]);
    for (const text of [agents(4), agents(3, NO_WITNESS), agents(5, NO_WITNESS)]) expect(warningsOf(text)).toEqual([]);
  });
});

describe('the summary of check', () => {
  it.each([
    [PAIR, /votes +2 of 3 needed: a, b, the witness\n/],
    [agents(3), /votes +2 of 3 needed: a, b, c; the witness has none, for an odd number of agents has no ties\n/],
    [agents(3, NO_WITNESS), /votes +2 of 3 needed: a, b, c\n/],
    [agents(4), /votes +3 of 5 needed: a, b, c, d, the witness\n/],
  ])('tells who votes', (text, expected) => {
    expect(summarize(configOf(text))).toMatch(expected);
  });

  it.each([
    ['policy = "safe"', /policy +safe: without a majority nobody owns\n/],
    ['bias_promise = "2m"', /policy +bias: .* the owner stays for up to 90s\n/],
    ['policy = "available"', /policy +available: an owner stays without a majority too, so there may be two\n/],
  ])('tells what %s means', (line, expected) => {
    expect(summarize(configOf(withLine(line)))).toMatch(expected);
  });
});
