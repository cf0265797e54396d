import type { Delivery } from '@tiebreak/shared/wire';
import { instant } from './words.ts';

/** What webhooks were told last, and what they answered. Nothing, where nothing was. */
export function Deliveries({ deliveries }: { deliveries: readonly Delivery[] }) {
  if (deliveries.length === 0) return null;
  return (
    <>
      <h2>Webhooks</h2>
      <ol class="events">
        {deliveries.map((delivery) => (
          <li>
            <time datetime={delivery.attempted_at ?? undefined}>
              {delivery.attempted_at === null ? 'not yet' : instant(delivery.attempted_at)}
            </time>{' '}
            <span>
              {delivery.webhook}: <Outcome delivery={delivery} />; {delivery.text}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}

function Outcome({ delivery: { state, attempts, answer, next_at } }: { delivery: Delivery }) {
  const tries = attempts === 1 ? 'once' : `${attempts} times`;
  const answered = answer === null ? '' : ` (${answer})`;
  switch (state) {
    case 'delivered':
      return (
        <>
          delivered{answered}
          {attempts > 1 ? `, tried ${tries}` : ''}
        </>
      );
    case 'waiting':
      return (
        <strong class={attempts === 0 ? undefined : 'bad'}>
          waiting{answered}
          {attempts === 0 || next_at === null ? '' : `, tried ${tries}, again at ${instant(next_at)}`}
        </strong>
      );
    case 'given_up':
      return (
        <strong class="bad">
          given up{answered}, tried {tries}
        </strong>
      );
  }
}
