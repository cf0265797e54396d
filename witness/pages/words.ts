/** As people read it: 0.4 s, 12 s, 5 min, 3 h, 2 d. */
export function seconds(ms: number): string {
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 2 * 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 2 * 86_400_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** RFC 3339 in UTC, to the second and without the letters. */
export function instant(at: string): string {
  return at.slice(0, 19).replace('T', ' ');
}
