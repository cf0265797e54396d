import type { Ballot } from '@tiebreak/shared/lease';
import { type RefusalReason, WITNESS_PROTOCOLS, type WitnessRequest, type WitnessResult } from '@tiebreak/shared/wire';
import { Tally } from '../metrics/counters/index.ts';
import { Addresses } from './addresses.ts';
import type { WitnessCounts, WitnessLink, WitnessLinkOptions } from './api.ts';
import { witnessConnector } from './connector.ts';
import { type DropCounts, type DropReason, noDrops } from './frame.ts';
import { HttpsPath, WARM_INTERVAL_MS } from './https.ts';
import { LinkKeeper } from './keeper.ts';
import { Rehearsals } from './rehearsals.ts';
import { PEERS_EVERY_US, Reports } from './reports.ts';
import { type Effect, type Path, WitnessSession } from './session.ts';
import type { WitnessLinkState } from './state.ts';
import { parseNodeToken } from './token.ts';
import { VoteTimes } from './vote-times.ts';

/** How late the witness may learn of what changes without a decision. */
const REPORT_INTERVAL_MS = 1_000;
/** By HTTPS alone there are no pings, and without a word for 10 s the witness takes this node for lost. */
const WORD_BY_HTTPS_EVERY_US = 4_000_000;
/** What a takeover has still to do comes first. */
const REPORT_SOON_MS = 50;
/** Routes change while the link is up. */
const WAY_INTERVAL_MS = 10_000;
/** A token that was replaced is void at once: the new one is looked for as often. */
const TOKEN_INTERVAL_MS = 1_000;
/** The witness signs what it grants (200) and what it refuses (409); other statuses come from before it. */
const SIGNED_STATUSES = [200, 409];

/**
 * Opens the agent's one link to the witness, and keeps it: a warm WebSocket with HTTPS as the second way.
 *
 * @throws TypeError if the token or the URL is malformed
 */
export function openWitnessLink(options: WitnessLinkOptions): WitnessLink {
  const link = new Link(options);
  link.start();
  return link;
}

class Link implements WitnessLink {
  readonly #options: WitnessLinkOptions;
  readonly #session: WitnessSession;
  readonly #addresses: Addresses;
  readonly #https: HttpsPath;
  readonly #keeper: LinkKeeper;
  readonly #rehearsals: Rehearsals;
  readonly #reports = new Reports();
  readonly #times = new VoteTimes();
  readonly #dropped: DropCounts = noDrops();
  #votesRequested = 0;
  #votesGranted = 0;
  readonly #votesRefused = new Tally<RefusalReason>();
  #linkLosses = 0;
  #wasConnected = false;
  #dueTimer: NodeJS.Timeout | undefined;
  #wayTimer: NodeJS.Timeout | undefined;
  #warmTimer: NodeJS.Timeout | undefined;
  #reportTimer: NodeJS.Timeout | undefined;
  #tokenTimer: NodeJS.Timeout | undefined;
  #token: string;
  #armsSoon = false;
  #closed = false;

  constructor(options: WitnessLinkOptions) {
    const { groups, incarnation, lastSequence, node, nowUs, random, serial } = options;
    const parsed = parseNodeToken(options.token);
    if (!parsed.ok) throw new TypeError(parsed.reason);
    const url = new URL(options.url);
    this.#options = options;
    this.#token = options.token;
    const numbers = { serial, ...(lastSequence === undefined ? {} : { lastSequence }) };
    this.#session = new WitnessSession({ node, incarnation, groups, ...numbers, ...parsed.token });
    this.#addresses = new Addresses(url.hostname);
    const connect = witnessConnector(this.#addresses, () => this.#chooseSource());
    this.#https = new HttpsPath(url, options.token, connect);
    const socketUrl = new URL(`/v1/clusters/${options.cluster}/link`, url);
    socketUrl.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:';
    this.#keeper = new LinkKeeper({
      url: socketUrl,
      token: options.token,
      connect,
      nowUs,
      random,
      log: options.log,
      onOpen: () => this.#perform(this.#session.socketOpened(nowUs())),
      onText: (text) => this.#receive('socket', text),
      onDown: (dead) => this.#down(dead),
      onNoSocket: () => this.#perform(this.#session.greet(nowUs())),
      onState: (state) => this.#stateChanged(state),
    });
    this.#rehearsals = new Rehearsals(() => this.rehearse(), nowUs);
  }

  start(): void {
    this.#keeper.start();
    void this.#https.warm();
    this.#wayTimer = setInterval(() => this.#chooseSource(), WAY_INTERVAL_MS);
    this.#warmTimer = setInterval(() => void this.#https.warm(), WARM_INTERVAL_MS);
  }

  vote(group: string, ballot: Ballot, promiseMs: number): number {
    this.#votesRequested += 1;
    const { effects, requestId } = this.#session.vote(group, ballot, promiseMs, this.#options.nowUs());
    this.#perform(effects);
    return requestId;
  }

  release(group: string, ballot: Ballot): number {
    const { effects, requestId } = this.#session.release(group, ballot, this.#options.nowUs());
    this.#perform(effects);
    return requestId;
  }

  relay(to: string, datagram: Uint8Array): void {
    this.#perform(this.#session.relay(to, datagram, this.#options.nowUs()));
  }

  reportSoon(): void {
    if (!this.#closed && this.state().kind === 'connected') this.#reportIn(REPORT_SOON_MS);
  }

  get lastSequence(): number {
    return this.#session.lastSequence;
  }

  state(): WitnessLinkState {
    return this.#keeper.state;
  }

  voteTimes(): ReturnType<WitnessLink['voteTimes']> {
    return { count: this.#times.count, p50Ms: this.#times.percentileMs(50), p99Ms: this.#times.percentileMs(99) };
  }

  dropped(): DropCounts {
    return { ...this.#dropped };
  }

  counts(): WitnessCounts {
    return {
      votesRequested: this.#votesRequested,
      votesGranted: this.#votesGranted,
      votesRefused: this.#votesRefused.counts,
      linkLosses: this.#linkLosses,
    };
  }

  rehearse(): void {
    this.#perform(this.#session.rehearse(this.#options.nowUs()));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#dueTimer);
    clearInterval(this.#wayTimer);
    clearInterval(this.#warmTimer);
    clearTimeout(this.#reportTimer);
    clearInterval(this.#tokenTimer);
    this.#rehearsals.stop();
    this.#keeper.close();
    this.#https.close();
    this.#addresses.close();
  }

  #stateChanged(state: WitnessLinkState): void {
    if (this.#closed) return;
    const connected = state.kind === 'connected';
    if (this.#wasConnected && !connected) this.#linkLosses += 1;
    this.#wasConnected = connected;
    clearInterval(this.#tokenTimer);
    if (!connected) this.#tokenTimer = setInterval(() => this.#lookForToken(), TOKEN_INTERVAL_MS);
    this.#options.onState(state);
  }

  #lookForToken(): void {
    const token = this.#options.rereadToken?.();
    if (token === undefined || token === this.#token) return;
    const parsed = parseNodeToken(token);
    if (!parsed.ok) return;
    this.#token = token;
    this.#options.log({ level: 'info', message: 'this node has another token for the witness: going on with it' });
    this.#session.useReplyKey(parsed.token.replyKey);
    this.#https.use(token);
    this.#keeper.use(token);
  }

  #chooseSource(): string | undefined {
    return this.#options.chooseSource(this.#addresses.known);
  }

  #receive(path: Path, text: string): void {
    this.#perform(this.#session.receive(path, text, this.#options.nowUs()));
  }

  #down(dead: boolean): void {
    if (dead) this.#https.renew();
    this.#addresses.refresh();
    this.#rehearsals.stop();
    clearTimeout(this.#reportTimer);
    this.#perform(this.#session.socketClosed(this.#options.nowUs()));
  }

  #perform(effects: Effect[]): void {
    for (const effect of effects) {
      if (this.#closed) return;
      this.#performOne(effect);
    }
    this.#arm();
  }

  #performOne(effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        this.#send(effect.path, effect.request);
        return;
      case 'serial':
        this.#options.onSerial(effect.serial);
        return;
      case 'welcome':
        this.#welcomed(effect.path);
        return;
      case 'reported':
        this.#reports.answered(effect.decided, this.#options.nowUs());
        // There may be more than one message holds; what was refused is tried again in its time.
        if (effect.decided !== undefined) this.#reportIn(0);
        return;
      case 'unwelcome':
        this.#keeper.refuse(`the witness refused this node: ${refusalText(effect.result)}`);
        return;
      case 'rehearsed':
        this.#times.add(effect.durationUs / 1_000);
        return;
      case 'reply':
        this.#countVote(effect.reply.result);
        this.#options.onReply(effect.reply);
        return;
      case 'freed':
        this.#options.onFreed(effect.group);
        return;
      case 'health':
        this.#options.onHealth(effect.report);
        return;
      case 'passed_on':
        this.#options.onPassedOn(effect.from, effect.datagram);
        return;
      case 'not_relayed': {
        const { reason, to } = effect;
        this.#options.log({ level: 'debug', message: `the witness passed nothing on to ${to}: ${reason}`, to, reason });
        return;
      }
      case 'unanswered':
        this.#unanswered(effect);
        return;
      case 'dropped':
        this.#drop(effect.reason);
        return;
    }
  }

  #countVote(result: WitnessResult): void {
    if (result.kind === 'granted') this.#votesGranted += 1;
    if (result.kind === 'refused') this.#votesRefused.count(result.reason);
  }

  #welcomed(path: Path): void {
    if (path === 'socket') this.#keeper.welcomed();
    else if (!this.#keeper.answeredByHttps()) return;
    this.#rehearsals.connected();
    this.#reports.linkOpened(path === 'socket' ? PEERS_EVERY_US : WORD_BY_HTTPS_EVERY_US);
    this.#reportIn(0);
  }

  /** And every second from then on, as long as the link is up. */
  #reportIn(delayMs: number): void {
    clearTimeout(this.#reportTimer);
    this.#reportTimer = setTimeout(() => {
      this.#reportIn(REPORT_INTERVAL_MS);
      this.#report();
    }, delayMs);
  }

  #report(): void {
    const { nowUs } = this.#options;
    const report = this.#reports.next(this.#options.report(), nowUs());
    const effects = report === null ? null : this.#session.report(report, nowUs());
    if (report === null || effects === null) return;
    this.#reports.sent(report);
    this.#perform(effects);
  }

  #send(path: Path, request: WitnessRequest): void {
    const text = JSON.stringify(request);
    if (path === 'socket') this.#keeper.send(text);
    else if (request.type === 'vote') void this.#ask('POST', `groups/${request.group}/vote`, request, text);
    else if (request.type === 'release') void this.#ask('DELETE', `groups/${request.group}/vote`, request, text);
    else void this.#ask('POST', 'request', request, text);
  }

  async #ask(method: 'POST' | 'DELETE', path: string, request: WitnessRequest, text: string): Promise<void> {
    const { sequence, type } = request;
    const answer = await this.#https.ask(method, `/v1/clusters/${this.#options.cluster}/${path}`, text);
    if (this.#closed) return;
    if (answer.ok && SIGNED_STATUSES.includes(answer.status)) {
      this.#keeper.heardByHttps();
      this.#receive('https', answer.text);
    } else {
      const detail = answer.ok ? `status ${answer.status}` : answer.detail;
      this.#options.log({ level: 'debug', message: `no answer to a ${type} over HTTPS: ${detail}`, sequence });
    }
    this.#perform(this.#session.httpsDone(sequence, this.#options.nowUs()));
  }

  #unanswered({ asked, ageUs }: Extract<Effect, { kind: 'unanswered' }>): void {
    this.#options.log({
      level: 'debug',
      message: `the witness left a ${asked.type} unanswered`,
      after_ms: ageUs / 1_000,
    });
    // A rehearsal that never came back is the slowest of all, not one to leave out of the measure.
    if (asked.type === 'rehearsal') this.#times.add(ageUs / 1_000);
    if (asked.type === 'report') this.#reports.answered(undefined, this.#options.nowUs());
  }

  #drop(reason: DropReason): void {
    this.#dropped[reason] += 1;
    const count = this.#dropped[reason];
    const level = count === 1 && reason !== 'not_outstanding' ? 'warn' : 'debug';
    this.#options.log({ level, message: `dropped a message from the witness: ${reason}`, reason, count });
    if (reason === 'wrong_witness') {
      this.#keeper.refuse(
        'another witness answers at this URL than the one that enrolled this node: enroll it there anew',
      );
    } else if (reason === 'bad_mac' && this.state().kind !== 'connected') {
      this.#keeper.refuse('the witness cannot prove that it knows this token: enroll this node again');
    }
  }

  /** Once for all that happens in this turn of the loop: what is due next takes a look at each request under way. */
  #arm(): void {
    if (this.#armsSoon) return;
    this.#armsSoon = true;
    setImmediate(() => {
      this.#armsSoon = false;
      this.#armNow();
    });
  }

  #armNow(): void {
    clearTimeout(this.#dueTimer);
    if (this.#closed) return;
    const { nowUs } = this.#options;
    const deadlineUs = this.#session.nextDeadlineUs();
    if (deadlineUs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(0, Math.ceil((deadlineUs - nowUs()) / 1_000));
    this.#dueTimer = setTimeout(() => this.#perform(this.#session.tick(nowUs())), delayMs);
  }
}

function refusalText(result: WitnessResult): string {
  if (result.kind !== 'protocol_refused') return result.kind;
  return `it speaks version ${result.protocols.join(', ')} of the link, this agent ${WITNESS_PROTOCOLS.join(', ')}: update the older one`;
}
