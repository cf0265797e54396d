import { raw } from 'hono/html';
import type { PropsWithChildren } from 'hono/jsx';

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d5d9dd, #3a3f45); --soft: light-dark(#5b646c, #9aa4ad); }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
h2 { border-bottom: 1px solid var(--line); margin-top: 2.5rem; }
h3 { margin-bottom: 0.25rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-top: 1px solid var(--line); padding: 0.25rem 0.75rem 0.25rem 0; text-align: left; vertical-align: top; }
th { font-weight: normal; white-space: nowrap; width: 1%; }
td p { color: var(--soft); margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.125rem 0.75rem; margin: 0.5rem 0 1.5rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.good { color: light-dark(#17692c, #6bd185); }
.bad { color: light-dark(#a61b1b, #ff8f88); }
.wide { overflow-x: auto; }
.wide th { padding-right: 1.25rem; }
.reason td { border-top: 0; color: var(--soft); padding-top: 0; }
.legend, .axis { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; margin: 0.25rem 0; }
.axis { justify-content: space-between; }
figure { margin: 0.5rem 0; }
figure svg { display: block; height: 1.25rem; width: 100%; }
.nobody { fill: var(--line); }
.node0 { fill: #3b82c4; } .node1 { fill: #d9822b; } .node2 { fill: #4c9f70; } .node3 { fill: #a06cc9; } .node4 { fill: #c94f6d; }
.events { list-style: none; padding: 0; }
.events li { border-top: 1px solid var(--line); display: grid; gap: 0 0.75rem; grid-template-columns: max-content 1fr; padding: 0.25rem 0; }
.events time { color: var(--soft); }
.events span { overflow-wrap: anywhere; }
.events .owner span { font-weight: 600; }
input, button { font: inherit; padding: 0.25rem 0.5rem; }
input { display: block; margin: 0.25rem 0; max-width: 100%; width: 30rem; }
.pattern { color: var(--soft); font-size: 0.875em; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  th { white-space: normal; width: auto; }
  .events li { grid-template-columns: 1fr; }
}
`;

export type PageProps = PropsWithChildren<{
  title: string;
  /** What the response's Content-Security-Policy lets style and script pass by. */
  nonce: string;
  /** For readers without scripts. */
  reloadEveryS?: number;
}>;

export function Page({ title, nonce, reloadEveryS, children }: PageProps) {
  return (
    <>
      {raw('<!doctype html>')}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>{title} · tiebreak</title>
          {reloadEveryS === undefined ? null : (
            <noscript>
              <meta http-equiv="refresh" content={String(reloadEveryS)} />
            </noscript>
          )}
          <style nonce={nonce}>{raw(STYLE)}</style>
        </head>
        <body>
          <h1>{title}</h1>
          {children}
        </body>
      </html>
    </>
  );
}
