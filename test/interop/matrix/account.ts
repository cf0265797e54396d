/** What one virtual router of a program says of the advertisements that it has heard since its start. */
export type Account = {
  /** Taken for what they are. */
  readonly received: number;
  /** Counted or logged as wrong, in the program's own words; empty: none. */
  readonly refused: readonly string[];
  /** Whether one of priority 0 was among them. undefined: it does not say. */
  readonly heardRelease?: boolean;
};

/** By virtual router id. */
export type Accounts = ReadonlyMap<number, Account>;

/** A program with many virtual routers, one of each pair. */
export interface Party {
  /** Returns when its processes run. */
  start(): Promise<void>;
  /** As its service manager does. Returns when it has ended. */
  terminate(): Promise<void>;
  accounts(): Promise<Accounts>;
  /** For the report of a failed cell: the lines that name this virtual router. */
  logOf(virtualRouterId: number): string;
}
