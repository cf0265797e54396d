import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { virtualRouterMac } from '../../../shared/vrrp/index.ts';
import { type LabProcess, waitFor } from '../../lab/process.ts';
import { NETWORK, type Topology } from '../../lab/topology.ts';
import type { Accounts, Party } from './account.ts';
import { type Pairing, THEIR_HOST } from './pairing.ts';
import { linesWith } from './tiebreak.ts';

/** Debian's, unpacked by ./dev: to install it would start it. */
const UNPACKED = fileURLToPath(new URL('../../../node_modules/.debian/', import.meta.url));
const DAEMONS = join(UNPACKED, 'usr/lib/frr');
const START_MS = 10_000;
const GRACE_MS = 5_000;

/** Throws what is to be done if FRR is not there. */
export function requireFrr(): void {
  if (!existsSync(join(DAEMONS, 'vrrpd'))) throw new Error(`${DAEMONS} has no vrrpd. Type: ./dev test`);
}

const Stats = z.object({ adverRx: z.int() });
const Shown = z.array(z.object({ vrid: z.int(), v4: z.object({ stats: Stats }), v6: z.object({ stats: Stats }) }));

/** vrrpd has a socket for each virtual router, and each is given what is for the others. */
const FOR_ANOTHER = 'does not match our instance';
const REFUSAL = 'Datagram invalid:';

/** FRR's zebra and vrrpd. zebra stays while vrrpd is stopped and started, as it would for routing. */
export async function frrParty(topology: Topology, pairings: readonly Pairing[]): Promise<Party> {
  const folder = topology.folderOf('frr');
  const file = (name: string): string => join(folder, name);
  writeFileSync(file('group'), 'root:x:0:\nfrrvty:x:990:root\n');
  writeFileSync(file('zebra.conf'), '');
  writeFileSync(file('vrrpd.conf'), configuration(pairings, file('frr.log')));
  topology.folderOf('frr', 'tmp');
  const libraries = join(UNPACKED, 'usr/lib');
  const library = readdirSync(libraries).find((name) => existsSync(join(libraries, name, 'frr/libfrr.so.0')));
  const environment = { LD_LIBRARY_PATH: join(libraries, library ?? '', 'frr') };
  const spawn = (name: 'zebra' | 'vrrpd'): LabProcess =>
    topology.spawn(THEIR_HOST, {
      command: 'sh',
      // A process in a network namespace has mounts of its own: FRR wants a group of its package's, and leaves files in /var/tmp.
      args: [
        ...[
          '-c',
          `mount --bind ${file('group')} /etc/group && mount --bind ${file('tmp')} /var/tmp && exec "$@"`,
          name,
        ],
        ...[join(DAEMONS, name), '--user', 'root', '--group', 'root', '--vty_port', '0', '--vty_socket', folder],
        ...['--config_file', file(`${name}.conf`), '--pid_file', file(`${name}.pid`), '--socket', file('zserv')],
      ],
      logFile: file(`${name}.out`),
      // As tiebreak and keepalived do by themselves: a machine that is busy with other tests must not make it late.
      nice: -15,
      environment,
    });
  const log = (): string => (existsSync(file('frr.log')) ? readFileSync(file('frr.log'), 'utf8') : '');
  const marks = (virtualRouterId: number): string => `[VRID ${virtualRouterId}]`;
  await topology.ip(THEIR_HOST, pairings.flatMap(macvlanOf));
  await topology.inside(THEIR_HOST, 'sysctl', ['-qw', ...pairings.map(noDuplicateDetection)]);
  const zebra = spawn('zebra');
  let vrrpd: LabProcess | undefined;
  return {
    async start() {
      await waitFor('zebra has a socket', START_MS, () => {
        if (!zebra.running) throw new Error(`zebra ended:\n${zebra.log}`);
        return existsSync(file('zserv')) ? true : undefined;
      });
      vrrpd = spawn('vrrpd');
    },
    async terminate() {
      await vrrpd?.stop(GRACE_MS);
    },
    async accounts(): Promise<Accounts> {
      const vtysh = join(UNPACKED, 'usr/bin/vtysh');
      // Otherwise it asks PAM, whose answer is the machine's own.
      writeFileSync(file('vtysh.conf'), 'username root nopassword\n');
      const command = [
        'env',
        `LD_LIBRARY_PATH=${environment.LD_LIBRARY_PATH}`,
        vtysh,
        '--vty_socket',
        folder,
        '--config_dir',
        folder,
      ];
      const [program = '', ...args] = [...command, '-d', 'vrrpd', '-c', 'show vrrp json'];
      const shown = Shown.parse(JSON.parse(await topology.inside(THEIR_HOST, program, args)));
      const complaints = log()
        .split('\n')
        .filter((line) => line.includes(REFUSAL) && !line.includes(FOR_ANOTHER));
      return new Map(
        shown.map(({ vrid, v4, v6 }) => {
          const refused = complaints.filter((line) => line.includes(marks(vrid)));
          return [vrid, { received: v4.stats.adverRx + v6.stats.adverRx, refused }];
        }),
      );
    },
    logOf: (virtualRouterId) => linesWith(log(), marks(virtualRouterId)),
  };
}

function deviceOf({ cell, virtualRouterId }: Pairing): string {
  return `vrrp${cell.family}-${virtualRouterId}`;
}

/** FRR wants the device to be there, with the addresses; it takes it down and up (doc/user/vrrp.rst). */
function macvlanOf(pairing: Pairing): string[] {
  const device = deviceOf(pairing);
  const mac = virtualRouterMac(pairing.cell.family === 4 ? 'ipv4' : 'ipv6', pairing.virtualRouterId);
  const text = [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  return [
    `link add ${device} link ${NETWORK.lanInterface} address ${text} type macvlan mode bridge`,
    // Otherwise it would have the address until vrrpd runs.
    `link set ${device} protodown on`,
    ...pairing.addresses.map((address) => `addr add ${address}/${pairing.prefixLength} dev ${device}`),
    `link set ${device} up`,
  ];
}

/** The one who yields may have the address for a moment still when the other takes it. */
function noDuplicateDetection(pairing: Pairing): string {
  return `net.ipv6.conf.${deviceOf(pairing)}.accept_dad=0`;
}

function configuration(pairings: readonly Pairing[], logFile: string): string {
  const lines = pairings.flatMap((pairing) => {
    const { cell, virtualRouterId: id } = pairing;
    return [
      ` vrrp ${id} version ${cell.version}`,
      ` vrrp ${id} priority ${pairing.priority.theirs}`,
      ` vrrp ${id} advertisement-interval ${pairing.intervalMs}`,
      ...(cell.preempt ? [] : [` no vrrp ${id} preempt`]),
      ...pairing.addresses.map((address) => ` vrrp ${id} ${cell.family === 4 ? 'ip' : 'ipv6'} ${address}`),
    ];
  });
  return [
    `log file ${logFile}`,
    'debug vrrp packets',
    'debug vrrp protocol',
    `interface ${NETWORK.lanInterface}`,
    ...lines,
    '',
  ].join('\n');
}
