import { constants } from 'node:os';
import { type SystemError, type SystemResult, systemError } from './errno.ts';
import { type EventLoopSocket, readInEventLoop } from './event-loop-socket.ts';
import { attachFilter, bind, close, sendTo, setSocketOptionInt, socket } from './libc.ts';
import {
  decodeProcessEvent,
  encodeListening,
  PROCESS_EVENT_GROUP,
  type ProcessEvent,
  processEventFilter,
} from './process-event.ts';
import {
  AF_NETLINK,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  sockaddrNetlink,
} from './sockaddr.ts';

const NETLINK_CONNECTOR = 11;
/** A queued event takes less than 1 KiB: some thousands of them. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** It answers before the request's system call returns; an event loop may be late to read it. */
const ANSWER_PATIENCE_MS = 1_000;

type Listening = SystemResult<EventLoopSocket>;

/**
 * Tells of each process that begins, ends or changes its name, when it happens. Resolves once the kernel has agreed: it does
 * so in the host's own namespaces only (network, user and process), and before Linux 6.6 needs CAP_NET_ADMIN.
 *
 * @param onLost some events have been lost, so everything must be read anew
 */
export async function openProcessConnector(options: {
  onEvent: (event: ProcessEvent) => void;
  onLost: (error: SystemError) => void;
}): Promise<Listening> {
  const opened = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
  if (!opened.ok) return opened;
  const fd = opened.value;
  // Without CAP_NET_ADMIN it stays smaller, and events are lost sooner.
  setSocketOptionInt(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES);
  const filtered = attachFilter(fd, processEventFilter());
  const bound = filtered.ok ? bind(fd, sockaddrNetlink(0, PROCESS_EVENT_GROUP)) : filtered;
  const asked = bound.ok ? sendTo(fd, encodeListening(true), sockaddrNetlink()) : bound;
  if (!asked.ok) {
    close(fd);
    return asked;
  }
  const answer = Promise.withResolvers<Listening>();
  const reader = readInEventLoop(
    fd,
    (datagram) => {
      const event = decodeProcessEvent(datagram);
      if (event?.kind === 'answered') {
        answer.resolve(event.errno === 0 ? reader : systemError('listening to process events', event.errno));
      } else if (event !== undefined) options.onEvent(event);
    },
    options.onLost,
  );
  if (!reader.ok) return reader;
  const refusal = systemError(
    'listening to process events',
    constants.errno.EOPNOTSUPP,
    'no answer: this is a container, or the kernel lacks CONFIG_PROC_EVENTS',
  );
  const timer = setTimeout(() => answer.resolve(refusal), ANSWER_PATIENCE_MS);
  const listening = await answer.promise;
  clearTimeout(timer);
  if (!listening.ok) reader.value.close();
  return listening;
}
