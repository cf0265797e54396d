import { setImmediate as nextTurn } from 'node:timers/promises';
import { Counter, Gauge, Registry } from '@prometheus-io/client';
import { METRICS } from './catalogue.ts';
import type { Metric } from './metric.ts';
import type { Reading } from './reading.ts';

/** So many samples take about half a millisecond; then whatever the event loop has to do comes first. */
const SAMPLES_PER_TURN = 250;

export type Exposition = { readonly contentType: string; readonly text: string };

/** A reading in the text format of Prometheus. Takes several turns of the event loop if there is much to tell. */
export async function expose(reading: Reading): Promise<Exposition> {
  const families: string[] = [];
  let samples = 0;
  for (const metric of METRICS) {
    const { text, count } = await familyOf(metric, reading);
    families.push(text);
    samples += count;
    if (samples < SAMPLES_PER_TURN) continue;
    samples = 0;
    await nextTurn();
  }
  return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, text: `${families.join('\n\n')}\n` };
}

async function familyOf({ name, type, help, labels, read }: Metric, reading: Reading) {
  // Of its own: what one scrape tells must not change while another one is being told.
  const registry = new Registry();
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  const samples = read(reading);
  // The library begins a family without labels at 0, which is not what is known here.
  const unknown = labels.length === 0 && samples.length === 0;
  if (type === 'counter') {
    const family = new Counter(options);
    if (unknown) family.remove();
    for (const { labels: of, value } of samples) family.inc(of, value);
  } else {
    const family = new Gauge(options);
    if (unknown) family.remove();
    for (const { labels: of, value } of samples) family.set(of, value);
  }
  return { text: await registry.getSingleMetricAsString(name), count: samples.length };
}
