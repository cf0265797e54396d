import { fileURLToPath } from 'node:url';
import { type GroupReport, IssuedToken, IssuedViewerToken, type PeerReport } from '@tiebreak/shared/wire';
import { createTestHarness } from 'wrangler';
import { openWitnessLink, type WitnessLink } from '../../agent/witness-link/index.ts';

const ADMIN = 'admin-token-of-this-test';
const configPath = fileURLToPath(new URL('../../wrangler.toml', import.meta.url));

/** A witness that runs, and the clusters that the tests make there. */
export class Site {
  readonly #harness = createTestHarness({ workers: [{ configPath, secrets: { TIEBREAK_ADMIN_TOKEN: ADMIN } }] });
  #base = new URL('http://localhost');
  #clusters = 0;

  static async open(): Promise<Site> {
    const site = new Site();
    site.#base = (await site.#harness.listen()).url;
    return site;
  }

  url(path: string): string {
    return new URL(path, this.#base).href;
  }

  async newCluster(): Promise<string> {
    this.#clusters += 1;
    const cluster = `branch-${this.#clusters}`;
    await this.#put(`/v1/clusters/${cluster}`);
    return cluster;
  }

  async viewerToken(cluster: string): Promise<string> {
    return IssuedViewerToken.parse(await this.#put(`/v1/clusters/${cluster}/viewers/wall`)).token;
  }

  async node(cluster: string, node: string, peer: string): Promise<ReportingNode> {
    const { token } = IssuedToken.parse(await this.#put(`/v1/clusters/${cluster}/nodes/${node}`));
    return new ReportingNode({ url: this.#base.href, cluster, node, token }, peer);
  }

  async webhook(cluster: string, url: string): Promise<void> {
    await this.#put(`/v1/clusters/${cluster}/webhooks/pager`, JSON.stringify({ url, kinds: ['owner'] }));
  }

  async close(): Promise<void> {
    await this.#harness.close();
  }

  async #put(path: string, body = ''): Promise<unknown> {
    const headers = { authorization: `Bearer ${ADMIN}` };
    const answer = await fetch(this.url(path), { method: 'PUT', headers, body });
    if (!answer.ok) throw new Error(`PUT ${path}: ${answer.status}`);
    return await answer.json();
  }
}

/** An agent as far as the witness sees it: its real link, with what the test lets it see. */
export class ReportingNode {
  readonly link: WitnessLink;
  readonly #node: string;
  #role: GroupReport['role'] = 'backup';
  #ballot = { counter: 1, node: '' };
  #peer: PeerReport;

  constructor(at: { url: string; cluster: string; node: string; token: string }, peer: string) {
    this.#node = at.node;
    this.#peer = { node: peer, state: 'heard', rtt_ms: 0.4 };
    this.link = openWitnessLink({
      ...at,
      incarnation: 1,
      serial: 0,
      groups: () => [{ group: 'edge', configHash: '00112233445566aa' }],
      report: () => ({ peers: [this.#peer], groups: [this.#group()], decisions: [] }),
      nowUs: () => Number(process.hrtime.bigint() / 1_000n),
      chooseSource: () => undefined,
      random: Math.random,
      onReply: () => {},
      onFreed: () => {},
      onPassedOn: () => {},
      onHealth: () => {},
      onState: () => {},
      onSerial: () => {},
      log: () => {},
    });
  }

  takesOver(counter: number): void {
    this.#role = 'active';
    this.#ballot = { counter, node: this.#node };
    this.link.reportSoon();
  }

  givesUp(): void {
    this.#role = 'backup';
    this.link.reportSoon();
  }

  hearsPeer(state: PeerReport['state']): void {
    this.#peer = { ...this.#peer, state, rtt_ms: state === 'heard' ? 0.4 : null };
    this.link.reportSoon();
  }

  #group(): GroupReport {
    return { group: 'edge', role: this.#role, ballot: this.#ballot, protected: true, reason: null };
  }
}
