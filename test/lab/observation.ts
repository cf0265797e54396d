/** Who answered, by its source MAC: the name of a host of the lab, or the MAC itself when it is nobody's. */
export type Station = string;

/**
 * One line of the prober's record. `atUs` is the kernel's time stamp (CLOCK_REALTIME, microseconds) on the client's
 * interface, for frames that left as for frames that came: no process's delay is in it.
 */
export type Observation =
  /** The probes of one tick have left: an ARP request, an echo to each host's MAC, an ordinary client's echo. */
  | { readonly kind: 'request'; readonly atUs: number; readonly tick: number }
  /** A host answered for the address: to the broadcast ARP request, or to the echo sent to its own MAC. */
  | { readonly kind: 'answer'; readonly atUs: number; readonly by: Station; readonly via: 'arp' }
  | {
      readonly kind: 'answer';
      readonly atUs: number;
      readonly by: Station;
      readonly via: 'echo';
      readonly tick: number;
    }
  /** The ordinary client's echo was answered. */
  | { readonly kind: 'client_answer'; readonly atUs: number; readonly by: Station; readonly tick: number }
  /** Gratuitous ARP for the address. */
  | { readonly kind: 'announcement'; readonly atUs: number; readonly by: Station }
  | { readonly kind: 'advertisement'; readonly atUs: number; readonly by: Station; readonly priority: number };
