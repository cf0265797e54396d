import type { ClusterEvent, GroupView } from '@tiebreak/shared/wire';
import { instant } from './words.ts';

const DAY_MS = 24 * 3_600_000;
const WIDTH = 1_000;
const HEIGHT = 18;

export type Tenure = { readonly owner: string | null; readonly fromMs: number; readonly toMs: number };

/**
 * Who owned a group when, within a span of the wall clock and oldest first, from the changes of owner (newest first). Of a group
 * that is not among them it is known that it has not changed as far back as they go.
 */
export function tenures(
  changes: readonly ClusterEvent[],
  { group, owner }: Pick<GroupView, 'group' | 'owner'>,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Tenure[] {
  const found: Tenure[] = [];
  let endMs = toMs;
  for (const { at, event } of changes) {
    if (event.kind !== 'owner' || event.group !== group) continue;
    const startMs = Math.max(Date.parse(at), fromMs);
    if (startMs < endMs) found.unshift({ owner: event.to, fromMs: startMs, toMs: endMs });
    endMs = Math.min(endMs, startMs);
    if (Date.parse(at) <= fromMs) break;
  }
  if (endMs < toMs || owner === null) return found;
  const oldest = changes.at(-1);
  return [{ owner, fromMs: oldest === undefined ? fromMs : Math.max(Date.parse(oldest.at), fromMs), toMs }];
}

/** A bar for each group: the last 24 hours, coloured by owner. What is before the first change that is known stays blank. */
export function Timeline({
  groups,
  nodes,
  changes,
  nowMs,
}: {
  groups: readonly Pick<GroupView, 'group' | 'owner'>[];
  nodes: readonly string[];
  changes: readonly ClusterEvent[];
  nowMs: number;
}) {
  const span = { fromMs: nowMs - DAY_MS, toMs: nowMs };
  return (
    <>
      <p class="legend">
        {nodes.map((node, index) => (
          <span>
            <svg width="12" height="12" aria-hidden="true">
              <rect class={`node${index % 5}`} width="12" height="12" />
            </svg>{' '}
            {node}{' '}
          </span>
        ))}
      </p>
      {groups.map((group) => (
        <figure>
          <figcaption>{group.group}</figcaption>
          <svg
            viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={`owners of ${group.group}`}
          >
            <rect class="nobody" width={WIDTH} height={HEIGHT} />
            {tenures(changes, group, span).map((tenure) => (
              <Bar tenure={tenure} nodes={nodes} fromMs={span.fromMs} />
            ))}
          </svg>
        </figure>
      ))}
      <p class="axis soft">
        <span>{instant(new Date(span.fromMs).toISOString())}</span>
        <span>{instant(new Date(nowMs).toISOString())} UTC</span>
      </p>
    </>
  );
}

function Bar({ tenure, nodes, fromMs }: { tenure: Tenure; nodes: readonly string[]; fromMs: number }) {
  const { owner } = tenure;
  if (owner === null) return null;
  const x = ((tenure.fromMs - fromMs) / DAY_MS) * WIDTH;
  const width = Math.max(1, ((tenure.toMs - tenure.fromMs) / DAY_MS) * WIDTH);
  return (
    <rect class={`node${Math.max(0, nodes.indexOf(owner)) % 5}`} x={x} width={width} height={HEIGHT}>
      <title>
        {owner}, {instant(new Date(tenure.fromMs).toISOString())} to {instant(new Date(tenure.toMs).toISOString())}
      </title>
    </rect>
  );
}
