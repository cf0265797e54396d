import { randomBytes } from 'node:crypto';
import { interfaceIndex } from '../libc.ts';
import { changedRuleset } from './changes.ts';
import { type FenceConfig, isInterfaceName, type RulesetConfig } from './config.ts';
import { SECRET_BYTES } from './lease-packet.ts';
import type { Nftables, NftResult } from './nftables.ts';
import { fenceRuleset, interfaceRuleset, removalRuleset } from './ruleset.ts';

/** `no_egress`: frames that a program sends through a packet socket are not held back (kernels before 5.16). */
export type FenceLevel = 'full' | 'no_egress';

/** The fence's nftables tables: how they come, change and go. */
export class Tables {
  readonly #nftables: Nftables;
  readonly #level: FenceLevel;
  readonly #installed: (secret: Uint8Array) => void;
  #config: RulesetConfig;

  /** `installed` hears of each installation's secret. */
  constructor(
    nftables: Nftables,
    config: FenceConfig,
    kernelTickUs: number,
    level: FenceLevel,
    installed: (secret: Uint8Array) => void = () => {},
  ) {
    this.#installed = installed;
    this.#nftables = nftables;
    this.#level = level;
    const userId = process.geteuid?.() ?? 0;
    const secret = new Uint8Array(SECRET_BYTES);
    this.#config = { ...config, kernelTickUs, userId, egress: level === 'full', secret };
  }

  /**
   * Puts the tables there, every group closed, in place of whatever had their names. Each installation has its own
   * secret: lease packets to a former one are worth nothing. Returns that secret.
   */
  install(): { ok: true; secret: Uint8Array } | { ok: false; text: string } {
    const secret = new Uint8Array(randomBytes(SECRET_BYTES));
    const config = { ...this.#config, secret };
    // nftables refuses the whole transaction for one interface that has gone; it carries nothing to hold back.
    const interfaces = config.interfaces.filter((name) => interfaceIndex(name).ok);
    const result = this.#nftables.run(fenceRuleset({ ...config, interfaces }));
    if (!result.ok) return { ok: false, text: `the fence's tables cannot be installed: ${result.text}` };
    this.#config = config;
    this.#installed(secret);
    return { ok: true, secret };
  }

  /** Covers an interface that has come, or come again, since the installation. */
  addInterface(name: string): NftResult {
    if (!isInterfaceName(name))
      return { ok: false, text: `'${name}' is not an interface name that nftables can write` };
    const others = this.#config.interfaces.filter((known) => known !== name);
    const config = { ...this.#config, interfaces: [...others, name] };
    const result = this.#nftables.run(interfaceRuleset(config, name));
    if (!result.ok) return { ok: false, text: `interface ${name} cannot be fenced: ${result.text}` };
    this.#config = config;
    return result;
  }

  /** Makes them what `config` wants, in one transaction and with the same secret: what is owned stays owned. */
  change(config: FenceConfig): NftResult {
    const interfaces = [...new Set([...this.#config.interfaces, ...config.interfaces])];
    const after = { ...this.#config, ...config, interfaces };
    const present = new Set(interfaces.filter((name) => interfaceIndex(name).ok));
    const commands = changedRuleset(this.#config, after, present);
    const result = commands === '' ? ({ ok: true } as const) : this.#nftables.run(commands);
    if (!result.ok) return { ok: false, text: `the fence's tables cannot be changed: ${result.text}` };
    this.#config = after;
    return result;
  }

  remove(): NftResult {
    const result = this.#nftables.run(removalRuleset(['netdev', 'inet']));
    return this.#level === 'full' ? result : firstFailure(result, removeArpTable(this.#nftables));
  }
}

/** Takes away what a run at level `no_egress` left. */
export function removeArpTable(nftables: Nftables): NftResult {
  return nftables.run(removalRuleset(['arp']));
}

/**
 * What this kernel can do, found by trying: a transaction that makes the hook and removes it again takes no effect.
 * @param egressWanted false leaves the egress hook out even where the kernel has it
 */
export function findLevel(
  nftables: Nftables,
  egressWanted: boolean,
): { ok: true; level: FenceLevel } | { ok: false; text: string } {
  if (egressWanted && tryHook(nftables, 'egress').ok) return { ok: true, level: 'full' };
  const ingress = tryHook(nftables, 'ingress');
  if (ingress.ok) return { ok: true, level: 'no_egress' };
  const advice = 'The kernel needs nf_tables with the netdev family (CONFIG_NF_TABLES_NETDEV).';
  return { ok: false, text: `nftables cannot hook lo's ingress: ${ingress.text}. ${advice}` };
}

function tryHook(nftables: Nftables, hook: 'ingress' | 'egress'): NftResult {
  return nftables.run(
    [
      'add table netdev tiebreak_probe',
      `add chain netdev tiebreak_probe probe { type filter hook ${hook} device "lo" priority 0; }`,
      'delete table netdev tiebreak_probe',
      '',
    ].join('\n'),
  );
}

function firstFailure(...results: readonly NftResult[]): NftResult {
  return results.find((result) => !result.ok) ?? { ok: true };
}
