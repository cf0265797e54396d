/** `0.4 ms`, `120 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `6 d 3 h` */
export function formatSpan(ms: number): string {
  const past = Math.max(0, ms);
  if (past < 10) return `${Number(past.toFixed(1))} ms`;
  if (past < 999.5) return `${Math.round(past)} ms`;
  if (past < 59_950) return `${(past / 1_000).toFixed(1)} s`;
  const seconds = Math.round(past / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
