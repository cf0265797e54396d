/** Whether an HTTP status of 400 and more may be another one soon: limits, conflicts, locks, and the cloud's own errors. */
export function isPassing(status: number): boolean {
  return status === 408 || status === 409 || status === 423 || status === 429 || status >= 500;
}
