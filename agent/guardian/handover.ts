import type { IdentityChange } from '@tiebreak/shared/lease';
import type { MetPeer, SessionKey } from '@tiebreak/shared/wire';
import type { AddressFamily } from '../config/index.ts';
import type { FenceOptions } from '../kernel/fence/index.ts';

/** What the guardian must know to put the engine's affairs in order. Sent by the engine over their channel, whole, at each change. */
export type Handover = {
  readonly type: 'handover';
  readonly node: string;
  readonly incarnation: number;
  readonly bootId: string;
  readonly runDir: string;
  readonly stateDir: string;
  /** null: no group in lease mode */
  readonly fence: { readonly secret: Uint8Array; readonly options: FenceOptions } | null;
  readonly groups: readonly GuardedGroup[];
  readonly links: readonly GuardedLink[];
  readonly addresses: readonly GuardedAddress[];
  /** An engine that reports no progress for so long has come to a stop. */
  readonly stuckAfterMs: number;
  /** Where the text of the configuration is that the engine goes by; null: nowhere. */
  readonly inForce: string | null;
};

/** Every loop of the engine has done what it had to do by now. */
export type Progress = { readonly type: 'progress' };

/** A group in lease mode. */
export type GuardedGroup = {
  readonly id: number;
  readonly name: string;
  readonly configHash: string;
  /** On the way to another identity (L16). */
  readonly change: IdentityChange | undefined;
};

export type GuardedLink = {
  readonly peer: string;
  readonly addresses: readonly string[];
  readonly port: number;
  readonly keys: readonly [SessionKey, ...SessionKey[]];
  readonly groups: readonly string[];
  /** undefined: the peer has not been met in this run of the engine */
  readonly met: MetPeer | undefined;
};

export type GuardedAddress = {
  readonly interface: string;
  readonly family: AddressFamily;
  readonly address: string;
  readonly prefixLength: number;
};

/** What the guardian tells the engine: a signal that it got, which the engine takes from nobody else. */
export type StopOrder = { readonly type: 'stop'; readonly signal: string };
export type ReloadOrder = { readonly type: 'reload' };

/** Only the two processes of one agent speak on their channel, so the type is all that needs to be looked at. */
export function isHandover(message: unknown): message is Handover {
  return hasType(message, 'handover');
}

export function isProgress(message: unknown): message is Progress {
  return hasType(message, 'progress');
}

export function isStopOrder(message: unknown): message is StopOrder {
  return hasType(message, 'stop');
}

export function isReloadOrder(message: unknown): message is ReloadOrder {
  return hasType(message, 'reload');
}

function hasType(message: unknown, type: string): boolean {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === type;
}
