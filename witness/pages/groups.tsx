import type { ClusterView, GroupView } from '@tiebreak/shared/wire';
import { seconds } from './words.ts';

/** Who owns what, by whose votes, and what each node says of it. */
export function Groups({ view }: { view: ClusterView }) {
  if (view.groups.length === 0) return <p class="soft">No node has reported a group yet.</p>;
  return (
    <div class="wide">
      <table>
        <thead>
          <tr>
            <th scope="col">group</th>
            <th scope="col">owner</th>
            <th scope="col">vote of the witness</th>
            {view.nodes.map(({ node }) => (
              <th scope="col">{node}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {view.groups.map((group) => (
            <Group group={group} nodes={view.nodes.map(({ node }) => node)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Group({ group, nodes }: { group: GroupView; nodes: readonly string[] }) {
  const reasons = group.reports.filter(({ reason }) => reason !== null);
  return (
    <>
      <tr id={`group-${group.group}`}>
        <th scope="row">{group.group}</th>
        <td class="owner">
          {group.owner ?? <span class="bad">nobody</span>}
          {group.protected ? null : <strong class="bad"> unprotected</strong>}
        </td>
        <td>{group.holder === null ? 'free' : `${group.holder}, for ${seconds(group.remaining_ms)} more`}</td>
        {nodes.map((node) => (
          <td>
            {group.reports.find((report) => report.node === node)?.role ?? <span class="soft">not reported</span>}
          </td>
        ))}
      </tr>
      {reasons.map(({ node, reason }) => (
        <tr class="reason">
          <td colspan={3 + nodes.length}>
            {node}: {reason}
          </td>
        </tr>
      ))}
    </>
  );
}
