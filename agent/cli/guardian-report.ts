const LEVELS = { info: 30, error: 50 } as const;

/** The guardian's few lines, in the shape of the engine's: it carries no logger of its own. */
export function guardianReport(logLevel: string): (level: keyof typeof LEVELS, text: string) => void {
  return (level, text) => {
    if (logLevel === 'silent' || logLevel === 'fatal') return;
    if (level === 'info' && (logLevel === 'error' || logLevel === 'warn')) return;
    const time = new Date().toISOString();
    const line = process.stderr.isTTY
      ? `[${time}] ${level.toUpperCase()}: ${text}`
      : JSON.stringify({ level: LEVELS[level], time, pid: process.pid, msg: text });
    process.stderr.write(`${line}\n`);
  };
}
