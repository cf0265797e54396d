/** What goes wrong on a host again and again, each time by chance. */
export type AgentTroubles = {
  /** how often the process is paused before an operation, and for how long at most */
  pauseChance: number;
  pauseMaxUs: number;
  /** how often it is paused between the reading of the clock and the kernel's act */
  fencePauseChance: number;
  /** how often the kernel acts and its confirmation is lost */
  unconfirmedChance: number;
  /** how often a close fails */
  closeFailureChance: number;
};

export const NO_TROUBLES: AgentTroubles = {
  pauseChance: 0,
  pauseMaxUs: 0,
  fencePauseChance: 0,
  unconfirmedChance: 0,
  closeFailureChance: 0,
};
