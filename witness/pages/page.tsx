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
.pattern { color: var(--soft); font-size: 0.875em; overflow-wrap: anywhere; }
@media (max-width: 40rem) { th { white-space: normal; width: auto; } }
`;

/** A page that needs no script. `nonce`: what the response's Content-Security-Policy lets its style pass by. */
export function Page({ title, nonce, children }: PropsWithChildren<{ title: string; nonce: string }>) {
  return (
    <>
      {raw('<!doctype html>')}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>{title} · tiebreak</title>
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
