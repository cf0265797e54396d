/** Whether `one` is the first `length` bytes of `other`. Not for secrets: it ends at the first difference. */
export function isSameBytes(one: Uint8Array, other: Uint8Array, length = other.length): boolean {
  if (one.length !== length) return false;
  for (let at = 0; at < length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}
