import { openNftables } from './nftables.ts';
import { type FenceLevel, findLevel } from './tables.ts';

/** What fence this kernel could have. Changes nothing: a transaction that makes a hook and removes it takes no effect. */
export function probeFenceLevel(): { readonly level: FenceLevel } | { readonly level: 'none'; readonly why: string } {
  const nft = openNftables();
  if (!nft.ok) return { level: 'none', why: nft.text };
  const found = findLevel(nft.nftables, true);
  nft.nftables.free();
  return found.ok ? { level: found.level } : { level: 'none', why: found.text };
}
