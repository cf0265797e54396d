import { randomBytes } from 'node:crypto';
import { type GroupStatus, Status } from '../../agent/api/status.ts';
import { Prober } from '../lab/prober.ts';
import { waitFor } from '../lab/process.ts';
import { other } from '../lab/system.ts';
import { type HostName, NETWORK, Topology } from '../lab/topology.ts';
import { unpackCleanDebian } from './clean-debian.ts';
import { Container } from './container.ts';

const ADMIN_TOKEN = randomBytes(32).toString('hex');
const WITNESS_URL = `http://${NETWORK.witness.uplink}:8787`;
/** A starting agent waits 10 s; the rest is for slow machines. */
const READY_TIMEOUT_MS = 60_000;

/** Three clean Debians on the lab's network: two for agents, one for their witness. */
export class InstalledPair {
  readonly topology: Topology;
  readonly hosts: Readonly<Record<HostName | 'witness', Container>>;
  #prober: Prober | undefined;

  private constructor(topology: Topology) {
    this.topology = topology;
    const container = (place: HostName | 'witness'): Container =>
      new Container(`${topology.folderOf('roots')}/${place}`, topology.namespace(place));
    this.hosts = { a: container('a'), b: container('b'), witness: container('witness') };
  }

  static async create(): Promise<InstalledPair> {
    const topology = await Topology.create();
    try {
      const pair = new InstalledPair(topology);
      for (const { root } of Object.values(pair.hosts)) await unpackCleanDebian(root);
      return pair;
    } catch (error) {
      topology.close();
      throw error;
    }
  }

  /** What a client on the wire sees. */
  async watch(): Promise<Prober> {
    this.#prober ??= await Prober.start(this.topology);
    return this.#prober;
  }

  async startWitness(): Promise<void> {
    const { witness } = this.hosts;
    witness.write('/etc/tiebreak-witness/admin.token', `${ADMIN_TOKEN}\n`);
    await witness.run('systemctl', ['start', 'tiebreak-witness.socket', 'tiebreak-witness.service']);
  }

  /** As the quick start has it, on the hosts themselves. */
  async startAgents(): Promise<void> {
    const { a, b } = this.hosts;
    await a.run('tiebreak', ['keygen', '--out', '/etc/tiebreak/edge.key']);
    b.write('/etc/tiebreak/edge.key', a.read('/etc/tiebreak/edge.key'));
    for (const host of ['a', 'b'] as const) {
      const container = this.hosts[host];
      const enroll = ['witness', 'enroll', host, '--cluster', 'branch-7', '--url', WITNESS_URL];
      await container.run('tiebreak', enroll, { TIEBREAK_ADMIN_TOKEN: ADMIN_TOKEN });
      container.write('/etc/tiebreak/tiebreak.toml', configuration(host));
      await container.run('tiebreak', ['check', '--config', '/etc/tiebreak/tiebreak.toml']);
      await container.run('systemctl', ['start', 'tiebreak']);
    }
  }

  async group(host: HostName): Promise<GroupStatus | undefined> {
    const { code, stdout } = await this.hosts[host].attempt('tiebreak', ['status', '--json']);
    return code === 0 ? Status.parse(JSON.parse(stdout)).groups[0] : undefined;
  }

  /** Waits until one of the two owns, and both vote and have the witness. */
  async owner(): Promise<HostName> {
    let seen = '';
    return await waitFor('one owner, with a backup and the witness', READY_TIMEOUT_MS, async () => {
      const groups = await Promise.all((['a', 'b'] as const).map((host) => this.group(host)));
      seen = groups.map((group) => `${group?.role} ${group?.witness.state}`).join(', ');
      if (groups.some((group) => group?.witness.state !== 'connected')) return undefined;
      if (groups.some((group) => group?.quorum.votes.some(({ state }) => state === 'departed'))) return undefined;
      const roles = groups.map((group) => group?.role).join(' ');
      if (roles === 'active backup') return 'a';
      return roles === 'backup active' ? 'b' : undefined;
    }).catch(async (error) => {
      const journals = await Promise.all((['a', 'b'] as const).map((host) => this.journal(host)));
      throw new Error(`${error} (${seen})\n${journals.join('\n---\n')}`);
    });
  }

  async journal(host: HostName | 'witness'): Promise<string> {
    return await this.hosts[host].run('journalctl', ['-n', '40', '-o', 'cat', '-u', 'tiebreak*']);
  }

  async close(): Promise<void> {
    await this.#prober?.stop();
    await Promise.all(Object.values(this.hosts).map((container) => container.close()));
    this.topology.close();
  }
}

function configuration(host: HostName): string {
  const { hosts, lanInterface, virtualAddress, prefixLength } = NETWORK;
  const peer = other(host);
  return `node = "${host}"

[witness]
url = "${WITNESS_URL}"
cluster = "branch-7"
token_file = "/etc/tiebreak/witness.token"

[[group]]
name = "edge"
key_file = "/etc/tiebreak/edge.key"
peers = [{ node = "${peer}", addresses = ["${hosts[peer].lan}", "${hosts[peer].uplink}"] }]

[[group.check]]
name = "switch"
file = "/etc/tiebreak/tiebreak.toml"

[[group.notify]]
command = ["/usr/bin/touch", "/run/tiebreak/told"]
keepalived_arguments = false

[[group.virtual_router]]
interface = "${lanInterface}"
virtual_router_id = 33
priority = ${host === 'a' ? 200 : 100}
addresses = ["${virtualAddress}/${prefixLength}"]
`;
}
