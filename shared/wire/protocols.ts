/** The versions of the link's messages that this side speaks. */
export const WITNESS_PROTOCOLS: readonly number[] = [1];

/** The highest version that both sides speak; undefined: there is none. */
export function agreedProtocol(spoken: readonly number[]): number | undefined {
  const common = spoken.filter((version) => WITNESS_PROTOCOLS.includes(version));
  return common.length === 0 ? undefined : Math.max(...common);
}
