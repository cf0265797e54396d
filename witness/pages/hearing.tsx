import type { ClusterView, NodeView } from '@tiebreak/shared/wire';
import { seconds } from './words.ts';

/** Who hears whom, a row for each who listens: one direction that is lost shows as one cell of two. */
export function Hearing({ view: { nodes } }: { view: ClusterView }) {
  if (nodes.length === 0) return <p class="soft">No node is enrolled.</p>;
  return (
    <div class="wide">
      <table>
        <thead>
          <tr>
            <td />
            {nodes.map(({ node }) => (
              <th scope="col">hears {node}</th>
            ))}
            <th scope="col">linked to the witness</th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((listener) => (
            <tr>
              <th scope="row">{listener.node}</th>
              {nodes.map((heard) => (
                <Heard listener={listener} heard={heard.node} />
              ))}
              <td>
                <Linked node={listener} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Heard({ listener, heard }: { listener: NodeView; heard: string }) {
  const id = `${listener.node}-hears-${heard}`;
  if (listener.node === heard) return <td class="soft">–</td>;
  const peer = listener.peers.find(({ node }) => node === heard);
  if (peer === undefined) {
    return (
      <td id={id} class="soft">
        not known
      </td>
    );
  }
  if (peer.state === 'silent') {
    return (
      <td id={id} class="bad">
        no
      </td>
    );
  }
  return (
    <td id={id} class="good">
      yes{peer.rtt_ms === null ? '' : `, ${peer.rtt_ms.toFixed(1)} ms`}
    </td>
  );
}

function Linked({ node: { connected, lost, heard_ms_ago } }: { node: NodeView }) {
  if (connected && !lost) return <span class="good">yes, heard {seconds(heard_ms_ago ?? 0)} ago</span>;
  if (lost) return <span class="bad">lost</span>;
  return <span class="soft">{heard_ms_ago === null ? 'no' : `no, heard ${seconds(heard_ms_ago)} ago`}</span>;
}
