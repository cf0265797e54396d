import type { Fence } from '../../kernel/fence/index.ts';
import type { Rtnetlink } from '../../kernel/index.ts';

/** What the rehearsal does to the real kernel: a fence that opens for nobody, and addresses that go nowhere. */
export type RehearsedKernel = {
  readonly fence: Pick<Fence, 'rehearse'>;
  readonly rtnetlink: Pick<Rtnetlink, 'addAddress' | 'removeAddress'>;
};
