const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Lets nobody end this process within `act`: what it leaves half done would be lost, or lie about. */
export async function holdSignals<T>(act: () => Promise<T>): Promise<T> {
  const ignore = (): void => {};
  for (const signal of SIGNALS) process.on(signal, ignore);
  try {
    return await act();
  } finally {
    for (const signal of SIGNALS) process.off(signal, ignore);
  }
}
