export { isLogLevel, LOG_LEVELS, type LogLevel } from './levels.ts';
export { createLogger, type Logger } from './logger.ts';
