import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { TOKEN } from '../cloud/digitalocean.ts';
import { BootedHost } from './booted-host.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { type LabProcess, run, waitFor } from './process.ts';
import { other } from './system.ts';
import { type HostName, NETWORK, Topology } from './topology.ts';
import { LocalWitness } from './witness.ts';

// The tutorial that most people start from: two web servers with nginx, `pidof nginx` as check, unicast on the private network,
// auth_pass, and a floating IP of DigitalOcean that follows the owner. Once as `tiebreak import` brings it over, beside a
// keepalived that would still understand it, and once in mode "lease" with a witness.

const BIN = fileURLToPath(new URL('../../agent/cli/tiebreak.ts', import.meta.url));
const CLOUD = fileURLToPath(new URL('../cloud/serve-digitalocean.ts', import.meta.url));
/** Debian's, unpacked by ./dev: to install it would start it. */
const NGINX = fileURLToPath(new URL('../../node_modules/.debian/usr/sbin/nginx', import.meta.url));
const FLOATING_IP = '203.0.113.10';
const CLOUD_PORT = 8_080;
const DROPLETS: Readonly<Record<HostName, number>> = { a: 101, b: 102 };
const PRIORITIES: Readonly<Record<HostName, number>> = { a: 200, b: 100 };
const HOSTS = ['a', 'b'] as const;
/** An agent that starts anew in mode "lease" waits 10 s, and an owner has to have owned for 10 s before it yields. */
const MOVE_TIMEOUT_MS = 45_000;
/** After a takeover the owner looks again within 5 s whether the address is still its own. */
const SECOND_LOOK_MS = 6_000;

beforeAll(() => {
  requireTools([...LAB_TOOLS, 'unshare']);
  if (!existsSync(NGINX)) throw new Error(`${NGINX} is missing. Type: ./dev test`);
});

function folderOf(topology: Topology, host: HostName): string {
  return topology.folderOf(`web-${host}`);
}

function keepalivedConf(topology: Topology, host: HostName): string {
  const { hosts } = NETWORK;
  return `
vrrp_script chk_nginx {
    script "pidof nginx"
    interval 2
}

vrrp_instance VI_1 {
    state ${host === 'a' ? 'MASTER' : 'BACKUP'}
    interface ${NETWORK.lanInterface}
    virtual_router_id 33
    priority ${PRIORITIES[host]}
    unicast_src_ip ${hosts[host].lan}
    unicast_peer {
        ${hosts[other(host)].lan}
    }
    authentication {
        auth_type PASS
        auth_pass k33pRi9ht
    }
    track_script {
        chk_nginx
    }
    notify_master ${folderOf(topology, host)}/master.sh
}
`;
}

type ConfigurationOf = (topology: Topology, host: HostName) => Promise<string>;

const imported: ConfigurationOf = async (topology, host) => {
  const file = join(folderOf(topology, host), 'keepalived.conf');
  writeFileSync(file, keepalivedConf(topology, host));
  return run(process.execPath, [BIN, 'import', file, '--node', host]);
};

async function leased(witness: LocalWitness, topology: Topology, host: HostName): Promise<string> {
  const tokenFile = join(folderOf(topology, host), 'witness.token');
  const keyFile = join(topology.folder, 'web.key');
  writeFileSync(tokenFile, await witness.enrol('web', host), { mode: 0o600 });
  if (!existsSync(keyFile)) await run(process.execPath, [BIN, 'keygen', '--out', keyFile]);
  const peer = other(host);
  return `node = "${host}"

[witness]
url = "${witness.url}"
cluster = "web"
token_file = "${tokenFile}"

[[group]]
name = "vi_1"
key_file = "${keyFile}"
peers = [{ node = "${peer}", addresses = ["${NETWORK.hosts[peer].lan}", "${NETWORK.hosts[peer].uplink}"] }]
preempt = true

[[group.virtual_router]]
interface = "${NETWORK.lanInterface}"
virtual_router_id = 33
version = 2
priority = ${PRIORITIES[host]}
advertisement_interval = "1s"
addresses = []
unicast = ["${NETWORK.hosts[peer].lan}"]
source_address = "${NETWORK.hosts[host].lan}"
auth_pass = "k33pRi9h"

[[group.check]]
name = "chk_nginx"
command = ["/usr/bin/pidof", "nginx"]
interval = "2s"

[[group.notify]]
command = ["${folderOf(topology, host)}/master.sh"]
states = ["active"]
keepalived_arguments = false
`;
}

/** What the guide adds by hand. */
function completed(toml: string, topology: Topology, host: HostName): string {
  const tokenFile = join(folderOf(topology, host), 'do.token');
  writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
  const folders = `state_dir = "${folderOf(topology, host)}/state"\nrun_dir = "${topology.runFolderOf(`web-${host}`)}"`;
  return `${toml.replace(/^node = .*$/m, (line) => `${line}\n${folders}`)}
[[group.floating_ip]]
provider = "digitalocean"
address = "${FLOATING_IP}"
token_file = "${tokenFile}"
server = "${DROPLETS[host]}"
url = "http://${NETWORK.client.lan}:${CLOUD_PORT}"
`;
}

/** As if the host had been set up by the tutorial; nothing of it runs yet. */
async function prepare(topology: Topology, host: HostName, configurationOf: ConfigurationOf): Promise<void> {
  const home = folderOf(topology, host);
  mkdirSync(join(home, 'html'));
  writeFileSync(join(home, 'html', 'index.html'), `served by ${host}\n`);
  writeFileSync(
    join(home, 'nginx.conf'),
    // The laboratory's folder is root's alone.
    `user root;
error_log ${home}/nginx-error.log;
pid ${home}/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path ${home}/tmp-body; proxy_temp_path ${home}/tmp-proxy; fastcgi_temp_path ${home}/tmp-fastcgi;
  uwsgi_temp_path ${home}/tmp-uwsgi; scgi_temp_path ${home}/tmp-scgi;
  server { listen ${FLOATING_IP}:80; root ${home}/html; }
}
`,
  );
  writeFileSync(join(home, 'master.sh'), `#!/bin/sh\necho ${host} >> ${topology.folder}/masters\n`, { mode: 0o755 });
  await topology.ip(host, [`addr add ${FLOATING_IP}/32 dev lo`]);
  writeFileSync(join(home, 'tiebreak.toml'), completed(await configurationOf(topology, host), topology, host), {
    mode: 0o600,
  });
}

class WebHost {
  readonly name: HostName;
  readonly #topology: Topology;
  readonly #home: string;
  #host: BootedHost | undefined;
  #agent: LabProcess | undefined;

  constructor(topology: Topology, name: HostName) {
    this.name = name;
    this.#topology = topology;
    this.#home = folderOf(topology, name);
  }

  async boot(): Promise<void> {
    this.#topology.runFolderOf(`web-${this.name}`);
    const host = await BootedHost.boot(this.#topology, this.name);
    this.#host = host;
    await this.startNginx();
    const args = [BIN, 'run', '--config', join(this.#home, 'tiebreak.toml')];
    this.#agent = host.spawn(process.execPath, args, join(this.#home, 'agent.log'));
  }

  async startNginx(): Promise<void> {
    await this.#host?.run(NGINX, ['-c', join(this.#home, 'nginx.conf')]);
  }

  async stopNginx(): Promise<void> {
    await this.#host?.run(NGINX, ['-c', join(this.#home, 'nginx.conf'), '-s', 'stop']);
  }

  async losePower(): Promise<void> {
    await this.#host?.losePower();
    rmSync(this.#topology.runFolderOf(`web-${this.name}`), { recursive: true, force: true });
    rmSync(join(this.#home, 'nginx.pid'), { force: true });
  }

  get log(): string {
    return this.#agent?.log.slice(-3_000) ?? '';
  }
}

/** The two web servers, the cloud that moves their address, and the client that asks for a page. */
class Tutorial {
  readonly topology: Topology;
  readonly a: WebHost;
  readonly b: WebHost;
  readonly #cloud: LabProcess;

  private constructor(topology: Topology, cloud: LabProcess) {
    this.topology = topology;
    this.#cloud = cloud;
    this.a = new WebHost(topology, 'a');
    this.b = new WebHost(topology, 'b');
  }

  static async create(topology: Topology, configurationOf: ConfigurationOf): Promise<Tutorial> {
    const cloud = topology.spawn('client', {
      command: process.execPath,
      args: [CLOUD, NETWORK.client.lan, String(CLOUD_PORT)],
      logFile: join(topology.folder, 'cloud.log'),
    });
    await cloud.waitForLog('ready', 10_000);
    for (const host of HOSTS) await prepare(topology, host, configurationOf);
    return new Tutorial(topology, cloud);
  }

  logs(): string {
    return `cloud:\n${this.#cloud.log}\na:\n${this.a.log}\nb:\n${this.b.log}`;
  }

  /** The address has moved to `host`, by one request more than before, and that host's page is served. */
  async served(host: HostName, moves: number): Promise<void> {
    try {
      await waitFor(`the floating IP is at ${host}`, MOVE_TIMEOUT_MS, () => {
        return this.#assigned().length === moves && this.#assigned().at(-1) === DROPLETS[host] ? true : undefined;
      });
      // The cloud sends what is for the address to the droplet that has it.
      await this.topology.ip('client', [`route replace ${FLOATING_IP}/32 via ${NETWORK.hosts[host].lan}`]);
      await waitFor(`${host}'s page is served`, 10_000, async () => {
        const shown = await this.#page().catch(() => '');
        return shown === `served by ${host}` || undefined;
      });
      await sleep(SECOND_LOOK_MS);
      // Not once more, not even for the second look; and by the cloud's own count.
      expect(this.#cloud.log.trimEnd().split('\n').at(-1)).toBe(`assigned ${DROPLETS[host]}, asked ${moves} times`);
      const masters = readFileSync(join(this.topology.folder, 'masters'), 'utf8').trimEnd().split('\n');
      expect(masters).toHaveLength(moves);
      expect(masters.at(-1)).toBe(host);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.logs()}`);
    }
  }

  #assigned(): number[] {
    return [...this.#cloud.log.matchAll(/^assigned (\d+)/gm)].map(([, droplet]) => Number(droplet));
  }

  async #page(): Promise<string> {
    const script = `console.log(await (await fetch('http://${FLOATING_IP}/', { signal: AbortSignal.timeout(2000) })).text())`;
    return (await this.topology.inside('client', process.execPath, ['--input-type=module', '-e', script])).trim();
  }
}

async function play(topology: Topology, configurationOf: ConfigurationOf): Promise<void> {
  const tutorial = await Tutorial.create(topology, configurationOf);
  const { a, b } = tutorial;
  await a.boot();
  await tutorial.served('a', 1);
  await b.boot();
  await sleep(SECOND_LOOK_MS);
  await a.stopNginx();
  await tutorial.served('b', 2);
  await a.startNginx();
  await tutorial.served('a', 3);
  await a.losePower();
  await tutorial.served('b', 4);
  await topology.reboot('a');
  await a.boot();
  await tutorial.served('a', 5);
  expect(tutorial.logs()).not.toContain(TOKEN);
}

// Side by side: they wait most of the time.
describe.concurrent('the page and the floating IP follow the web server that works', () => {
  test('as imported', async () => {
    const topology = await Topology.create();
    try {
      await play(topology, imported);
    } finally {
      topology.close();
    }
  });

  test('in mode "lease"', async () => {
    const topology = await Topology.create();
    try {
      const witness = await LocalWitness.create(topology);
      await witness.createCluster('web');
      await play(topology, (where, host) => leased(witness, where, host));
      await witness.stop();
    } finally {
      topology.close();
    }
  });
});
