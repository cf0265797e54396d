import koffi from 'koffi';
import { missingCapabilities } from '../capabilities.ts';

const LIBRARY = 'libnftables.so.1';

/** Done, or why not, in words for people and without any secret. */
export type NftResult = { readonly ok: true } | { readonly ok: false; readonly text: string };

/** libnftables: for setting tables up and taking them down, never on the path of a lease (DESIGN section 4). */
export interface Nftables {
  /** Runs the commands as one transaction: all of them or none. Blocks while other programs' transactions run. */
  run(commands: string): NftResult;
  free(): void;
}

interface Library {
  readonly newContext: (flags: number) => unknown;
  readonly freeContext: (context: unknown) => void;
  readonly bufferOutput: (context: unknown) => number;
  readonly bufferError: (context: unknown) => number;
  readonly getError: (context: unknown) => string | null;
  readonly runCommands: (context: unknown, commands: string) => number;
}

let library: Library | undefined;

/** Opens a context in the network namespace of this process. */
export function openNftables(): { ok: true; nftables: Nftables } | { ok: false; text: string } {
  // Without the capability libnftables may end the whole process, so the question is asked first.
  if (missingCapabilities(['CAP_NET_ADMIN']).length > 0) {
    const advice = 'Run as root, or grant it to the service (AmbientCapabilities=CAP_NET_ADMIN).';
    return { ok: false, text: `nftables needs CAP_NET_ADMIN, which this process does not have. ${advice}` };
  }
  try {
    library ??= loadLibrary();
  } catch {
    const advice = 'Type: apt-get install libnftables1 (Debian, Ubuntu) or dnf install nftables (Fedora, RHEL).';
    return { ok: false, text: `${LIBRARY} cannot be loaded. ${advice}` };
  }
  const { newContext, freeContext, bufferOutput, bufferError, getError, runCommands } = library;
  const context = newContext(0);
  if (context === null) return { ok: false, text: 'libnftables cannot open its netlink socket' };
  // Unbuffered, it would print the ruleset's lines, secret included, to this process's stderr.
  if (bufferOutput(context) !== 0 || bufferError(context) !== 0) {
    freeContext(context);
    return { ok: false, text: 'libnftables has no memory for its error buffer' };
  }
  return {
    ok: true,
    nftables: {
      run: (commands) =>
        runCommands(context, commands) === 0 ? { ok: true } : { ok: false, text: readable(getError(context) ?? '') },
      free: () => freeContext(context),
    },
  };
}

/**
 * The first complaint of an nft error text, on one line. nft quotes the offending line, and that may be the one with
 * the secret, so every long hexadecimal number is blotted out.
 */
export function readable(nftError: string): string {
  const lines = nftError.replace(/0x[0-9a-f]{9,}/gi, '0x[hidden]').split('\n');
  const first = lines.findIndex((line) => line.includes('Error: '));
  if (first === -1) return 'nftables refused without giving a reason';
  const complaint = (lines[first] ?? '').replace(/^.*?Error: /, '');
  const quoted = (lines[first + 1] ?? '').trim();
  return quoted === '' ? complaint : `${complaint}, at: ${quoted}`;
}

function loadLibrary(): Library {
  const nft = koffi.load(LIBRARY);
  return {
    newContext: nft.func('void *nft_ctx_new(uint32_t)'),
    freeContext: nft.func('void nft_ctx_free(void *)'),
    bufferOutput: nft.func('int nft_ctx_buffer_output(void *)'),
    bufferError: nft.func('int nft_ctx_buffer_error(void *)'),
    getError: nft.func('const char *nft_ctx_get_error_buffer(void *)'),
    runCommands: nft.func('int nft_run_cmd_from_buffer(void *, const char *)'),
  };
}
