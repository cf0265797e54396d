import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, expect, test } from 'vitest';
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

let topology: Topology;
let cloud: LabProcess;
let witness: LocalWitness | undefined;

beforeAll(() => {
  requireTools([...LAB_TOOLS, 'unshare']);
  if (!existsSync(NGINX)) throw new Error(`${NGINX} is missing. Type: ./dev test`);
});
afterEach(async () => {
  await witness?.stop();
  witness = undefined;
  topology?.close();
});

function folder(host: HostName): string {
  return topology.folderOf(`web-${host}`);
}

function keepalivedConf(host: HostName): string {
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
    notify_master ${folder(host)}/master.sh
}
`;
}

async function imported(host: HostName): Promise<string> {
  const file = join(folder(host), 'keepalived.conf');
  writeFileSync(file, keepalivedConf(host));
  return run(process.execPath, [BIN, 'import', file, '--node', host]);
}

async function leased(host: HostName): Promise<string> {
  witness ??= await LocalWitness.create(topology);
  await witness.createCluster('web');
  const tokenFile = join(folder(host), 'witness.token');
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
command = ["${folder(host)}/master.sh"]
states = ["active"]
keepalived_arguments = false
`;
}

/** What the guide adds by hand. */
function completed(toml: string, host: HostName): string {
  const tokenFile = join(folder(host), 'do.token');
  writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
  const folders = `state_dir = "${folder(host)}/state"\nrun_dir = "${topology.runFolderOf(`web-${host}`)}"`;
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
async function prepare(host: HostName, configurationOf: (host: HostName) => Promise<string>): Promise<void> {
  const home = folder(host);
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
  writeFileSync(join(home, 'tiebreak.toml'), completed(await configurationOf(host), host), { mode: 0o600 });
}

class WebHost {
  readonly name: HostName;
  #host: BootedHost | undefined;
  #agent: LabProcess | undefined;

  constructor(name: HostName) {
    this.name = name;
  }

  async boot(): Promise<void> {
    topology.runFolderOf(`web-${this.name}`);
    const host = await BootedHost.boot(topology, this.name);
    this.#host = host;
    await this.startNginx();
    const home = folder(this.name);
    const args = [BIN, 'run', '--config', join(home, 'tiebreak.toml')];
    this.#agent = host.spawn(process.execPath, args, join(home, 'agent.log'));
  }

  async startNginx(): Promise<void> {
    await this.#host?.run(NGINX, ['-c', join(folder(this.name), 'nginx.conf')]);
  }

  async stopNginx(): Promise<void> {
    await this.#host?.run(NGINX, ['-c', join(folder(this.name), 'nginx.conf'), '-s', 'stop']);
  }

  async losePower(): Promise<void> {
    await this.#host?.losePower();
    rmSync(topology.runFolderOf(`web-${this.name}`), { recursive: true, force: true });
    rmSync(join(folder(this.name), 'nginx.pid'), { force: true });
  }

  get log(): string {
    return this.#agent?.log.slice(-3_000) ?? '';
  }
}

/** The cloud sends what is for the address to the droplet that has it: here by the client's route. */
async function routed(droplet: number): Promise<void> {
  const host = droplet === DROPLETS.a ? 'a' : 'b';
  await topology.ip('client', [`route replace ${FLOATING_IP}/32 via ${NETWORK.hosts[host].lan}`]);
}

function assignments(): number[] {
  return [...cloud.log.matchAll(/^assigned (\d+)/gm)].map(([, droplet]) => Number(droplet));
}

async function page(): Promise<string> {
  const script = `console.log(await (await fetch('http://${FLOATING_IP}/', { signal: AbortSignal.timeout(2000) })).text())`;
  return (await topology.inside('client', process.execPath, ['--input-type=module', '-e', script])).trim();
}

/** The address has moved to `host`, by one request more than before, and that host's page is served. */
async function served(by: HostName, moves: number, logs: () => string): Promise<void> {
  try {
    await waitFor(`the floating IP is at ${by}`, MOVE_TIMEOUT_MS, async () => {
      return assignments().length === moves && assignments().at(-1) === DROPLETS[by] ? true : undefined;
    });
    await routed(DROPLETS[by]);
    await waitFor(`${by}'s page is served`, 10_000, async () => {
      const shown = await page().catch(() => '');
      return shown === `served by ${by}` || undefined;
    });
    await sleep(SECOND_LOOK_MS);
    // Not once more, not even for the second look; and by the cloud's own count.
    expect(assignments()).toHaveLength(moves);
    expect(cloud.log.trimEnd().split('\n').at(-1)).toBe(`assigned ${DROPLETS[by]}, asked ${moves} times`);
    expect(readFileSync(join(topology.folder, 'masters'), 'utf8').trimEnd().split('\n')).toHaveLength(moves);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\ncloud:\n${cloud.log}\n${logs()}`);
  }
}

test.each([
  ['as imported', imported],
  ['in mode "lease"', leased],
])('the tutorial, %s: the page and the floating IP follow the web server that works', async (_, configurationOf) => {
  topology = await Topology.create();
  cloud = topology.spawn('client', {
    command: process.execPath,
    args: [CLOUD, NETWORK.client.lan, String(CLOUD_PORT)],
    logFile: join(topology.folder, 'cloud.log'),
  });
  await cloud.waitForLog('ready', 10_000);
  for (const host of HOSTS) await prepare(host, configurationOf);
  const [a, b] = [new WebHost('a'), new WebHost('b')];
  const logs = (): string => `a:\n${a.log}\nb:\n${b.log}`;
  await a.boot();
  await served('a', 1, logs);
  await b.boot();
  await sleep(SECOND_LOOK_MS);
  await a.stopNginx();
  await served('b', 2, logs);
  await a.startNginx();
  await served('a', 3, logs);
  await a.losePower();
  await served('b', 4, logs);
  await topology.reboot('a');
  await a.boot();
  await served('a', 5, logs);
  expect(logs()).not.toContain(TOKEN);
});
