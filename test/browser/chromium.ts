import { accessSync, constants } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const EXECUTABLE = '/usr/bin/chromium';

/** The browser of the distribution; it speaks with nobody but the page that it is given. */
export async function launchChromium(): Promise<Browser> {
  try {
    accessSync(EXECUTABLE, constants.X_OK);
  } catch {
    throw new Error(`no ${EXECUTABLE}. Type: sudo apt-get install chromium`);
  }
  // Tests run as root, for which chromium has no sandbox.
  const args = ['--no-sandbox', '--disable-background-networking', '--disable-quic'];
  return await chromium.launch({ executablePath: EXECUTABLE, args });
}
