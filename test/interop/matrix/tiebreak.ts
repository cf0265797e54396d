import { waitFor } from '../../lab/process.ts';
import { type AgentFolders, TiebreakProgram } from '../../lab/tiebreak.ts';
import { NETWORK, type Topology } from '../../lab/topology.ts';
import type { Account, Accounts, Party } from './account.ts';
import { OUR_HOST, type Pairing } from './pairing.ts';

const ANSWER_MS = 20_000;

export function tiebreakParty(
  topology: Topology,
  pairings: readonly Pairing[],
  checksum: 'pseudo-header' | 'message' = 'pseudo-header',
): Party {
  const program = new TiebreakProgram(topology, OUR_HOST, (folders) => configuration(folders, pairings, checksum));
  return {
    start: () => program.start(),
    terminate: () => program.terminate(),
    accounts: () =>
      waitFor('tiebreak says what it has heard', ANSWER_MS, async () => {
        // On a busy machine it may be late to answer, and it answers nothing while it starts.
        const metrics = await program.metrics().catch(() => undefined);
        return metrics === undefined ? undefined : accountsIn(metrics);
      }),
    logOf: (virtualRouterId) => linesWith(program.log(), `"${nameOf(virtualRouterId)}"`),
  };
}

function nameOf(virtualRouterId: number): string {
  return `cell-${virtualRouterId}`;
}

/** A group for each pair, so that they move apart from each other. */
function configuration(folders: AgentFolders, pairings: readonly Pairing[], checksum: string): string {
  const head = [`node = "${OUR_HOST}"`, `state_dir = "${folders.state}"`, `run_dir = "${folders.run}"`];
  return `${[...head, ...pairings.flatMap((pairing) => groupOf(pairing, checksum))].join('\n')}\n`;
}

function groupOf({ cell, source, priority, password, ...pairing }: Pairing, checksum: string): string[] {
  const addresses = pairing.addresses.map((address) => `"${address}/${pairing.prefixLength}"`);
  return [
    '[[group]]',
    `name = "${nameOf(pairing.virtualRouterId)}"`,
    'mode = "vrrp"',
    `preempt = ${cell.preempt}`,
    '[[group.virtual_router]]',
    `interface = "${NETWORK.lanInterface}"`,
    `virtual_router_id = ${pairing.virtualRouterId}`,
    `version = ${cell.version}`,
    `priority = ${priority.ours}`,
    `advertisement_interval = "${pairing.intervalMs}ms"`,
    `addresses = [${addresses.join(', ')}]`,
    `checksum = "${checksum}"`,
    `source_address = "${source.ours}"`,
    ...(cell.transport === 'unicast' ? [`unicast = ["${source.theirs}"]`] : []),
    // What keepalived sends IPv6 unicast with.
    ...(cell.transport === 'unicast' && cell.family === 6 ? ['min_ttl = 64'] : []),
    ...(cell.mac === 'virtual' ? ['virtual_mac = true'] : []),
    ...(password === undefined ? [] : [`auth_pass = "${password}"`]),
  ];
}

/** An advertisement that does not win is heard, and discarded by the rules (RFC 9568 section 6.4). */
const RIGHTLY_DISCARDED = 'inferior';

const SAMPLE =
  /^tiebreak_virtual_router_advertisements_(received|discarded)_total\{.*virtual_router_id="(\d+)"(?:.*reason="([^"]+)")?.*\} (\d+)$/;

function accountsIn(metrics: string): Accounts {
  const accounts = new Map<number, Account>();
  for (const line of metrics.split('\n')) {
    const [, kind, id, reason = '', count] = SAMPLE.exec(line) ?? [];
    if (kind === undefined || reason === RIGHTLY_DISCARDED) continue;
    const { received, refused } = accounts.get(Number(id)) ?? { received: 0, refused: [] };
    accounts.set(
      Number(id),
      kind === 'received'
        ? { received: Number(count), refused }
        : { received, refused: [...refused, `${count} x ${reason}`] },
    );
  }
  return accounts;
}

export function linesWith(log: string, text: string): string {
  return log
    .split('\n')
    .filter((line) => line.includes(text))
    .slice(-10)
    .join('\n');
}
