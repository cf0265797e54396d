import { type Config, type ConfigProblem, loadConfig } from '../../../agent/config/index.ts';
import { formatProblem } from '../../../agent/config/problem.ts';

/** A sound file; tests change one thing of it. Lines are counted in the tests, so they stay where they are. */
export const PAIR = `node = "a"

[witness]
url = "https://witness.example.com"
cluster = "branch-7"
token_file = "/etc/tiebreak/witness.token"

[[group]]
name = "edge"
key_file = "/etc/tiebreak/edge.key"
peers = [{ node = "b", addresses = ["192.0.2.2"] }]

[[group.virtual_router]]
interface = "eth0"
virtual_router_id = 33
addresses = ["192.0.2.100/24"]
`;

/** Plain VRRP: the smallest file of that mode. */
export const PLAIN = `node = "a"

[[group]]
name = "edge"
mode = "vrrp"

[[group.virtual_router]]
interface = "eth0"
virtual_router_id = 33
addresses = ["192.0.2.100/24"]
`;

/** `text` with its only occurrence of `from` replaced: a test whose replacement misses its mark fails. */
export function edit(text: string, from: string, to: string): string {
  if (text.split(from).length !== 2) throw new Error(`'${from}' must occur once`);
  return text.replace(from, () => to);
}

export function configOf(text: string): Config {
  const loaded = loadConfig(text, 'edge.toml');
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.config;
}

export function problemsOf(text: string, tickMs = 4): string[] {
  const loaded = loadConfig(text, 'edge.toml', { tickMs });
  return loaded.ok ? [] : loaded.problems.map(formatProblem);
}

export function warningsOf(text: string): readonly ConfigProblem[] {
  const loaded = loadConfig(text, 'edge.toml');
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.warnings;
}
