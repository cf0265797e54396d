import { LINK_PING, LINK_PONG } from '@tiebreak/shared/wire';
import type { buildConnector } from 'undici';
import { reconnectDelayMs, refusedDelayMs } from './backoff.ts';
import { Heartbeat, PING_INTERVAL_MS } from './heartbeat.ts';
import { type CloseCause, WitnessSocket } from './socket.ts';
import type { LinkLog, WitnessLinkState } from './state.ts';

const UNREACHABLE_AFTER_MS = 2_500;
/** For name, TCP, TLS, upgrade and the answered hello together. */
const CONNECT_DEADLINE_MS = 5_000;
/** Three times as long as the agent lets pass without a word by HTTPS. */
const HTTPS_SILENT_AFTER_MS = 12_000;
const START_SPREAD_MS = 200;
const CHECKS_PER_PING = 4;
/** RFC 6455, 7.4.1 */
const POLICY_VIOLATION = 1008;
/** The witness's own close code: a newer link of this node has taken this one's place. */
const SUPERSEDED = 4001;
/** A link that lived for less does not end a series of failures: else two agents with one token would fight fast. */
const STEADY_AFTER_MS = 10_000;

export type KeeperOptions = {
  url: URL;
  token: string;
  connect: buildConnector.connector;
  nowUs: () => number;
  random: () => number;
  onOpen(): void;
  onText(text: string): void;
  /** @param dead the path fell silent, instead of the other side closing */
  onDown(dead: boolean): void;
  /** No socket came about; it is tried again. */
  onNoSocket(): void;
  onState(state: WitnessLinkState): void;
  log(event: LinkLog): void;
};

/** Why a refused handshake is one, and what to do; null: worth another try soon. */
function refusalOf(cause: CloseCause): string | null {
  if (cause.kind === 'closed') {
    return cause.code === POLICY_VIOLATION
      ? `the witness closed the link: ${cause.reason || 'policy violation'}`
      : null;
  }
  if (cause.kind === 'failed') return null;
  switch (cause.status) {
    case 401:
      return 'the witness does not accept this token (401): compare [witness] url and cluster, or give this node a new token (tiebreak witness rotate); its token_file is read again by itself';
    case 403:
      return 'something on the way, a proxy perhaps, refuses WebSockets (403): compare [witness] url, or let HTTPS to it pass';
    case 404:
      return 'the witness does not know this cluster, or the URL is no witness (404): compare [witness] url and cluster';
    default:
      return null;
  }
}

function describe(cause: CloseCause): string {
  switch (cause.kind) {
    case 'rejected':
      return `the witness answered the handshake with status ${cause.status}`;
    case 'closed':
      if (cause.code === SUPERSEDED)
        return 'another agent took the place of this link: is its token_file on two hosts?';
      return `the witness closed the link (${cause.code}${cause.reason ? `, ${cause.reason}` : ''})`;
    case 'failed':
      return `no connection to the witness: ${cause.detail}`;
  }
}

/** Keeps one WebSocket to the witness alive: connects, pings, notices a dead path within 2.5 s, connects afresh. */
export class LinkKeeper {
  readonly #options: KeeperOptions;
  #token: string;
  #state: WitnessLinkState;
  #socket: WitnessSocket | null = null;
  #open = false;
  /** When the witness has answered hello over this socket, on `nowUs`. */
  #welcomedAtUs: number | undefined;
  #byHttps = false;
  #stopped = false;
  #failures = 0;
  #downSinceUs: number;
  #connectTimer: NodeJS.Timeout | undefined;
  #deadlineTimer: NodeJS.Timeout | undefined;
  #pingTimer: NodeJS.Timeout | undefined;
  #unreachableTimer: NodeJS.Timeout | undefined;
  #httpsTimer: NodeJS.Timeout | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#token = options.token;
    this.#downSinceUs = options.nowUs();
    this.#state = { kind: 'connecting', sinceUs: this.#downSinceUs, detail: `connecting to ${options.url.host}` };
  }

  get state(): WitnessLinkState {
    return this.#state;
  }

  start(): void {
    this.#expectConnection();
    this.#connectIn(this.#options.random() * START_SPREAD_MS);
  }

  /** Only while the socket is open. */
  send(text: string): void {
    this.#socket?.send(text);
  }

  /** The witness has answered hello and proven who it is: now the link counts as connected. */
  welcomed(): void {
    const { log, nowUs, url } = this.#options;
    clearTimeout(this.#deadlineTimer);
    clearTimeout(this.#unreachableTimer);
    clearTimeout(this.#httpsTimer);
    if (this.#byHttps) log({ level: 'info', message: 'WebSockets get through to the witness again' });
    this.#byHttps = false;
    this.#welcomedAtUs = nowUs();
    this.#become('connected', `connected to ${url.host}`);
  }

  /** It has done so by HTTPS. True: nothing led to it before, and now that does, until a socket gets through. */
  answeredByHttps(): boolean {
    if (this.#stopped || this.#open) return false;
    const first = !this.#byHttps;
    this.#byHttps = true;
    this.heardByHttps();
    if (!first) return false;
    clearTimeout(this.#unreachableTimer);
    this.#become('connected', `connected to ${this.#options.url.host} by HTTPS alone: ${this.#state.detail}`);
    return true;
  }

  heardByHttps(): void {
    if (!this.#byHttps) return;
    clearTimeout(this.#httpsTimer);
    this.#httpsTimer = setTimeout(() => {
      this.#byHttps = false;
      this.#become('unreachable', `no answer by HTTPS for ${HTTPS_SILENT_AFTER_MS / 1_000} s, and no WebSocket before`);
    }, HTTPS_SILENT_AFTER_MS);
  }

  /** Nothing but an operator can mend this; ask again now and then in case one does. */
  refuse(detail: string): void {
    this.#drop(false);
    this.#refused(detail);
  }

  /** Another token after a refusal: it is tried at once. */
  use(token: string): void {
    this.#token = token;
    this.#drop(false);
    this.#connectIn(0);
  }

  close(): void {
    this.#stopped = true;
    this.#stopTimers();
    clearTimeout(this.#unreachableTimer);
    clearTimeout(this.#httpsTimer);
    clearTimeout(this.#connectTimer);
    this.#socket?.close();
    this.#socket = null;
  }

  #connectIn(delayMs: number): void {
    clearTimeout(this.#connectTimer);
    if (this.#stopped) return;
    this.#connectTimer = setTimeout(() => this.#connect(), delayMs);
  }

  #connect(): void {
    const { connect, onText, url } = this.#options;
    const heartbeat = new Heartbeat();
    this.#socket = new WitnessSocket(url, this.#token, connect, {
      open: () => {
        this.#open = true;
        this.#beat(heartbeat);
        this.#options.onOpen();
      },
      text: (text) => (text === LINK_PONG ? heartbeat.ponged() : onText(text)),
      closed: (cause) => this.#closedBy(cause),
    });
    this.#deadlineTimer = setTimeout(() => {
      this.#lost(`the witness did not answer within ${CONNECT_DEADLINE_MS / 1_000} s`, true);
    }, CONNECT_DEADLINE_MS);
  }

  #beat(heartbeat: Heartbeat): void {
    const { nowUs } = this.#options;
    let checks = 0;
    this.#pingTimer = setInterval(() => {
      if (heartbeat.missed(nowUs())) {
        this.#lost('the witness fell silent', true);
        return;
      }
      checks += 1;
      if (checks % CHECKS_PER_PING !== 0) return;
      heartbeat.pinged(nowUs());
      this.#socket?.send(LINK_PING);
    }, PING_INTERVAL_MS / CHECKS_PER_PING);
  }

  #closedBy(cause: CloseCause): void {
    const refusal = refusalOf(cause);
    if (refusal === null) {
      this.#lost(describe(cause), false);
      return;
    }
    this.refuse(refusal);
    // The witness itself never says 403 to a handshake.
    if (cause.kind === 'rejected' && cause.status === 403) this.#noSocket();
  }

  /** It may be something on the way that lets anything pass but a WebSocket. */
  #noSocket(): void {
    if (!this.#byHttps && !this.#stopped) this.#options.onNoSocket();
  }

  #lost(detail: string, dead: boolean): void {
    const { log, nowUs, random } = this.#options;
    const opened = this.#open;
    const welcomedAtUs = this.#welcomedAtUs;
    const steady = welcomedAtUs !== undefined && nowUs() - welcomedAtUs >= STEADY_AFTER_MS * 1_000;
    if (steady) this.#failures = 0;
    const delayMs = reconnectDelayMs(this.#failures, random());
    this.#failures += 1;
    log({
      level: welcomedAtUs === undefined ? 'debug' : 'info',
      message: `${detail}; connecting again`,
      in_ms: Math.round(delayMs),
    });
    this.#drop(dead);
    if (!this.#byHttps) {
      if (nowUs() - this.#downSinceUs >= UNREACHABLE_AFTER_MS * 1_000) this.#become('unreachable', detail);
      else if (this.#state.kind !== 'unreachable') this.#become('connecting', detail);
    }
    if (!opened) this.#noSocket();
    this.#connectIn(delayMs);
  }

  #refused(detail: string): void {
    clearTimeout(this.#unreachableTimer);
    if (!this.#byHttps) this.#become('refused', detail);
    this.#connectIn(refusedDelayMs(this.#options.random()));
  }

  /** Takes the socket down; the cause has been told, so the socket itself stays silent. */
  #drop(dead: boolean): void {
    this.#stopTimers();
    this.#socket?.destroy();
    this.#socket = null;
    if (this.#welcomedAtUs !== undefined) {
      this.#welcomedAtUs = undefined;
      this.#downSinceUs = this.#options.nowUs();
      this.#expectConnection();
    }
    if (!this.#open) return;
    this.#open = false;
    this.#options.onDown(dead);
  }

  #expectConnection(): void {
    clearTimeout(this.#unreachableTimer);
    this.#unreachableTimer = setTimeout(() => {
      this.#become('unreachable', `${this.#state.detail}; no connection for ${UNREACHABLE_AFTER_MS / 1_000} s`);
    }, UNREACHABLE_AFTER_MS);
  }

  #stopTimers(): void {
    clearInterval(this.#pingTimer);
    clearTimeout(this.#deadlineTimer);
  }

  #become(kind: WitnessLinkState['kind'], detail: string): void {
    const former = this.#state;
    if (former.kind === kind && former.detail === detail) return;
    const { log, nowUs, onState } = this.#options;
    this.#state = { kind, sinceUs: former.kind === kind ? former.sinceUs : nowUs(), detail };
    if (former.kind === kind) return;
    log({
      level: kind === 'refused' || kind === 'unreachable' ? 'warn' : 'info',
      message: `witness link ${kind}: ${detail}`,
    });
    onState(this.#state);
  }
}
