/** What every command tells the shell. */
export const EXIT = {
  good: 0,
  /** The thing asked for failed. */
  failed: 1,
  /** Wrong usage or configuration. */
  usage: 2,
} as const;
