import { waitFor } from '../../lab/process.ts';
import { Topology } from '../../lab/topology.ts';
import { peerParty } from './batch.ts';
import type { PeerName } from './cells.ts';
import { pairingsOf } from './pairing.ts';
import { tiebreakParty } from './tiebreak.ts';

const PATIENCE_MS = 30_000;

/** What a peer says of version 3 over IPv4 with a checksum of the message alone (`checksum = "message"`), once it refuses it. */
export async function refusalOfMessageChecksum(peer: PeerName): Promise<string> {
  const topology = await Topology.create();
  try {
    const pairings = pairingsOf([
      {
        ...{ peer, version: 3, family: 4, transport: 'multicast', authentication: 'none', mac: 'own' },
        ...{ preempt: true, priorities: 'ours higher', stronger: 'ours' },
      },
    ]);
    const ours = tiebreakParty(topology, pairings, 'message');
    const theirs = await peerParty(peer, topology, pairings);
    await Promise.all([ours.start(), theirs.start()]);
    return await waitFor(`${peer} refuses an advertisement`, PATIENCE_MS, async () => {
      const [account] = (await theirs.accounts().catch(() => new Map())).values();
      return account?.refused[0];
    });
  } finally {
    topology.close();
  }
}
