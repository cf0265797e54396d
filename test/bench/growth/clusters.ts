import { manyClusters } from '../witness/many-clusters.ts';
import { Collected, type Growth } from './growth.ts';

/** One local witness with ever more clusters, each a pair with its two links. */
export async function growClusters(sizes: readonly number[], doing: (text: string) => void): Promise<Growth> {
  const collected = new Collected();
  try {
    doing(`${sizes.join(', ')} clusters`);
    await manyClusters(sizes, ({ clusters, memory, diskKib, votesPerSecond }) => {
      doing(`${clusters} clusters reached`);
      collected.add('memory at rest', 'MiB', clusters, [memory.pssKib / 1_024]);
      collected.add('on the disk', 'MiB', clusters, [diskKib / 1_024]);
      collected.add('over all clusters', 'votes a second', clusters, [votesPerSecond]);
    });
  } catch (error) {
    collected.failed.push(error instanceof Error ? error.message : String(error));
  }
  return {
    title: 'One witness',
    sizes: 'clusters of two linked agents at one local witness',
    series: collected.series,
    failed: collected.failed,
  };
}
