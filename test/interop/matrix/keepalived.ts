import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { KeepalivedProgram } from '../../lab/keepalived.ts';
import { run, waitFor } from '../../lab/process.ts';
import { NETWORK, type Topology } from '../../lab/topology.ts';
import type { Accounts, Party } from './account.ts';
import { type Pairing, THEIR_HOST } from './pairing.ts';
import { linesWith } from './tiebreak.ts';

const START_MS = 25_000;
const DUMP_MS = 20_000;

/** Every count of the dump that is an error, and the two that are not. */
const Stats = z.object({
  advert_rcvd: z.int(),
  packet_len_err: z.int(),
  advert_interval_err: z.int(),
  ip_ttl_err: z.int(),
  invalid_type_rcvd: z.int(),
  addr_list_err: z.int(),
  invalid_authtype: z.int(),
  authtype_mismatch: z.int(),
  auth_failure: z.int(),
  pri_zero_rcvd: z.int(),
});
const Dump = z.array(z.object({ data: z.object({ vrid: z.int() }), stats: Stats }));

/** What it refuses and does not count, as a wrong checksum. */
const COMPLAINT = /checksum|invalid|mismatch|bogus|dropp|wrong|incorrect|ignor/i;

export function keepalivedParty(topology: Topology, pairings: readonly Pairing[]): Party {
  const program = new KeepalivedProgram(topology, THEIR_HOST, () => configuration(pairings));
  const complaintsOf = (virtualRouterId: number): string[] =>
    program
      .log()
      .split('\n')
      .filter((line) => line.includes(`(${nameOf(virtualRouterId)})`) && COMPLAINT.test(line));
  return {
    async start() {
      const { length } = program.log();
      await program.start();
      // Before it knows the signal that asks for its dump, that signal would end it.
      const runs = () => program.log().includes('Entering', length);
      await waitFor('keepalived runs', START_MS, () => (runs() ? true : undefined));
    },
    terminate: () => program.terminate(),
    async accounts(): Promise<Accounts> {
      const dump = await dumpOf(program);
      return new Map(
        dump.map(({ data: { vrid }, stats: { advert_rcvd, pri_zero_rcvd, ...errors } }) => {
          const counted = Object.entries(errors).filter(([, count]) => count > 0);
          const refused = [...counted.map(([kind, count]) => `${count} x ${kind}`), ...complaintsOf(vrid)];
          return [vrid, { received: advert_rcvd, refused, heardRelease: pri_zero_rcvd > 0 }];
        }),
      );
    },
    logOf: (virtualRouterId) => linesWith(program.log(), `(${nameOf(virtualRouterId)})`),
  };
}

/** It writes its dump when it is sent a signal of its own. */
async function dumpOf(program: KeepalivedProgram): Promise<z.infer<typeof Dump>> {
  const file = join(program.folder, 'keepalived.json');
  rmSync(file, { force: true });
  process.kill(program.watcherPid(), Number(await run('keepalived', ['--signum=JSON'])));
  const text = await waitFor(`keepalived writes ${file}`, DUMP_MS, () => wholeDump(file));
  return Dump.parse(JSON.parse(text));
}

/** undefined: not there, or not to its end. */
function wholeDump(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8').trimEnd();
    return text.endsWith(']') ? text : undefined;
  } catch {
    return undefined;
  }
}

function nameOf(virtualRouterId: number): string {
  return `cell_${virtualRouterId}`;
}

function configuration(pairings: readonly Pairing[]): string {
  // A machine that is busy with other tests must not make it late.
  const head = ['global_defs {', `  router_id ${THEIR_HOST}`, '  vrrp_priority -15', '}'];
  return [...head, ...pairings.flatMap(instanceOf), ''].join('\n');
}

function instanceOf({ cell, source, priority, password, ...pairing }: Pairing): string[] {
  // With a MAC of their own the addresses lie on a device of their own.
  const device = cell.mac === 'virtual' ? '' : ` dev ${NETWORK.lanInterface}`;
  const addresses = pairing.addresses.map((address) => `    ${address}/${pairing.prefixLength}${device}`);
  return [
    `vrrp_instance ${nameOf(pairing.virtualRouterId)} {`,
    '  state BACKUP',
    `  interface ${NETWORK.lanInterface}`,
    `  virtual_router_id ${pairing.virtualRouterId}`,
    `  version ${cell.version}`,
    `  priority ${priority.theirs}`,
    `  advert_int ${pairing.intervalMs / 1_000}`,
    ...(cell.preempt ? [] : ['  nopreempt']),
    ...(cell.mac === 'virtual' ? [`  use_vmac vrrp${cell.family}-${pairing.virtualRouterId}`] : []),
    ...(password === undefined ? [] : ['  authentication {', '    auth_type PASS', `    auth_pass ${password}`, '  }']),
    ...(cell.transport === 'unicast'
      ? [`  unicast_src_ip ${source.theirs}`, '  unicast_peer {', `    ${source.ours}`, '  }']
      : []),
    '  virtual_ipaddress {',
    ...addresses,
    '  }',
    '}',
  ];
}
