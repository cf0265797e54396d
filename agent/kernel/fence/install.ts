import { kernelTickUs } from '../clock.ts';
import { type FenceConfig, problemIn } from './config.ts';
import { type HoldingFence, KernelFence } from './fence.ts';
import { LeaseChannel } from './lease-channel.ts';
import { LeaseSocket } from './lease-socket.ts';
import { type Nftables, type NftResult, openNftables } from './nftables.ts';
import { selfTest } from './self-test.ts';
import { findLevel, removeArpTable, Tables } from './tables.ts';

export interface FenceOptions extends FenceConfig {
  /** False does without the egress hook although the kernel has it, at level `no_egress`. For tests. */
  readonly egress?: boolean;
}

/** There is no fence: nothing enforces a lease on this host, and `text` tells people why. */
export interface NoFence {
  readonly ok: false;
  readonly level: 'none';
  readonly text: string;
}

/**
 * Puts the fence up in the network namespace of this process, every group closed, in place of what a former run left,
 * and proves that it holds. Blocks for about 0.1 s. The guard against a second agent is the lease socket: while another
 * one lives, its tables are not touched.
 */
export function installFence(
  options: FenceOptions,
  /** Hears the secret of each installation of the tables, this first one included. */
  onInstalled?: (secret: Uint8Array) => void,
  /** One that does not hold stays all the same, closed: there is something here that it has to keep silent. */
  staysClosed = false,
): { ok: true; fence: HoldingFence } | NoFence {
  const problem = problemIn(options);
  if (problem !== undefined) return noFence(problem);
  const opened = LeaseSocket.open();
  if (!opened.ok) return noFence(opened.text);
  const nft = openNftables();
  if (!nft.ok) {
    opened.socket.close();
    return noFence(nft.text);
  }
  const built = build(options, { socket: opened.socket, nftables: nft.nftables, staysClosed, onInstalled });
  if (!built.ok) {
    opened.socket.close();
    nft.nftables.free();
  }
  return built;
}

/** Makes a dead agent's tables anew, every group closed for good: nobody knows their secret. Blocks for some 10 ms. */
export function replaceFence({ egress, ...config }: FenceOptions): NftResult {
  const nft = openNftables();
  if (!nft.ok) return nft;
  const found = findLevel(nft.nftables, egress ?? true);
  const installed = found.ok ? new Tables(nft.nftables, config, kernelTickUs(), found.level).install() : found;
  nft.nftables.free();
  return installed.ok ? { ok: true } : { ok: false, text: installed.text };
}

type Opened = {
  readonly socket: LeaseSocket;
  readonly nftables: Nftables;
  readonly staysClosed: boolean;
  readonly onInstalled: ((secret: Uint8Array) => void) | undefined;
};

function build(
  options: FenceOptions,
  { socket, nftables, staysClosed, onInstalled }: Opened,
): { ok: true; fence: HoldingFence } | NoFence {
  const found = findLevel(nftables, options.egress ?? true);
  if (!found.ok) return noFence(found.text);
  const { level } = found;
  const tickUs = kernelTickUs();
  const { groups, interfaces, sideband } = options;
  const tables = new Tables(nftables, { groups, interfaces, sideband }, tickUs, level, onInstalled);
  // Fails on kernels without the arp family, and then there is nothing to remove.
  if (level === 'full') removeArpTable(nftables);
  const installed = tables.install();
  if (!installed.ok) return noFence(installed.text);
  const channel = new LeaseChannel(socket, installed.secret);
  const failure = selfTest(channel, tickUs);
  if (failure !== undefined) {
    const text = `the fence does not hold on this kernel: ${failure}`;
    if (staysClosed) return noFence(`${text}; it stays, closed, for an address of an earlier run is still there`);
    tables.remove();
    return noFence(text);
  }
  return {
    ok: true,
    fence: new KernelFence({ groups, kernelTickUs: tickUs, level, nftables, socket, tables, channel }),
  };
}

function noFence(text: string): NoFence {
  return { ok: false, level: 'none', text };
}
