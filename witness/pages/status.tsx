import type { EventsPage } from '@tiebreak/shared/wire';
import { raw } from 'hono/html';
import type { Overview } from '../cluster-api.ts';
import { Deliveries } from './deliveries.tsx';
import { Groups } from './groups.tsx';
import { Hearing } from './hearing.tsx';
import { LIVE_SCRIPT } from './live-script.ts';
import { Page } from './page.tsx';
import { Timeline } from './timeline.tsx';
import { instant, seconds } from './words.ts';

/** A cluster for people. It needs no script: with one it is live, without it reloads itself. */
export function StatusPage({ overview, nonce, nowMs }: { overview: Overview; nonce: string; nowMs: number }) {
  const { view, page, owners, deliveries } = overview;
  const at = `${instant(new Date(nowMs).toISOString())} UTC`;
  return (
    <Page title={view.cluster} nonce={nonce} reloadEveryS={10}>
      <p id="stale" class="bad" role="status" hidden>
        The witness does not answer. This is how it was at <time>{at}</time>; two agents that hear each other go on
        without it.
      </p>
      <main data-at={at}>
        <p class="soft">As of {at}.</p>
        {view.recovering_ms === 0 ? null : (
          <p class="bad">
            The witness cannot know what it promised before, and gives its vote to nobody for{' '}
            {seconds(view.recovering_ms)} more.
          </p>
        )}
        <h2>Groups</h2>
        <Groups view={view} />
        <h2>Who hears whom</h2>
        <Hearing view={view} />
        <h2>Owners</h2>
        <Timeline groups={view.groups} nodes={view.nodes.map(({ node }) => node)} changes={owners} nowMs={nowMs} />
        <Deliveries deliveries={deliveries} />
        <h2>Events</h2>
        <Events page={page} cluster={view.cluster} />
      </main>
      <form method="post" action={`/clusters/${view.cluster}/sign-out`}>
        <button type="submit">Sign out</button>
      </form>
      <script nonce={nonce}>{raw(LIVE_SCRIPT)}</script>
    </Page>
  );
}

function Events({ page, cluster }: { page: EventsPage; cluster: string }) {
  const last = page.events.at(-1);
  return (
    <>
      <ol class="events">
        {page.events.map(({ at, text, event }) => (
          <li class={event.kind}>
            <time datetime={at}>{instant(at)}</time> <span>{text}</span>
          </li>
        ))}
      </ol>
      {page.older === null || last === undefined ? null : (
        <p>
          <a href={`/clusters/${cluster}?before=${last.id}`}>Older</a>
        </p>
      )}
    </>
  );
}
