export { LOG_LEVELS, type LogLevel } from './levels.ts';
export { createLogger, isLogLevel, type Logger } from './logger.ts';
