/**
 * Keeps the page as it would be if it were loaded anew: on each event of the cluster, and every half a minute while someone looks.
 * Without it the page is complete, and reloads itself.
 */
export const LIVE_SCRIPT = `
const stale = document.getElementById('stale');
const since = stale.querySelector('time');
let due;

async function refresh() {
  try {
    const response = await fetch(location.href, { signal: AbortSignal.timeout(5000) });
    if (response.status === 401) return location.reload();
    if (!response.ok) throw new Error();
    const text = await response.text();
    const fresh = document.createElement('template');
    fresh.innerHTML = text.slice(text.indexOf('<main'), text.indexOf('</main>') + '</main>'.length);
    document.querySelector('main').replaceWith(fresh.content);
    stale.hidden = true;
  } catch {
    since.textContent = document.querySelector('main').dataset.at;
    stale.hidden = false;
  }
}

function refreshIn(ms) {
  clearTimeout(due);
  due = setTimeout(refresh, ms);
}

function connect() {
  const url = new URL(location.pathname + '/events', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  const socket = new WebSocket(url);
  socket.onopen = () => refreshIn(0);
  socket.onmessage = () => refreshIn(100);
  socket.onclose = () => {
    refreshIn(0);
    setTimeout(connect, 2000 + 2000 * Math.random());
  };
}

setInterval(() => document.hidden || refreshIn(0), 30000);
document.addEventListener('visibilitychange', () => document.hidden || refreshIn(0));
connect();
`;
