import { type Logger, type LoggerOptions, pino, stdTimeFunctions } from 'pino';
import pretty from 'pino-pretty';
import type { LogLevel } from './levels.ts';

export type { Logger } from 'pino';

const SECRET_FIELDS = ['token', 'apiToken', 'key', 'keys', 'secret', 'secrets', 'groupKeys', 'authorization'];
/** pino matches paths of a fixed depth: the field itself, and inside one and two levels of objects. */
const REDACTED = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);

/**
 * Writes to stderr: lines of JSON, or coloured text when a person looks at a terminal. Writing is synchronous, so that
 * the last line before a crash is not lost.
 */
export function createLogger(level: LogLevel): Logger {
  return process.stderr.isTTY
    ? pino(loggerOptions(level), pretty({ destination: 2, sync: true, ignore: 'pid,hostname' }))
    : pino(loggerOptions(level), pino.destination({ dest: 2, sync: true }));
}

/** What every logger has, wherever it writes. */
export function loggerOptions(level: LogLevel): LoggerOptions {
  return { level, timestamp: stdTimeFunctions.isoTime, redact: { paths: REDACTED, censor: '[secret]' } };
}
