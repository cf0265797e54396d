import { formatTable } from '../../lab/demo-display.ts';
import { quantile } from '../figures.ts';
import { type Figure, type Goal, type Measurement, median, ratioOf, verdictOf } from './measurement.ts';

const HEADING = ['what', 'goal', 'tiebreak', 'keepalived', 'ratio', 'met?'];
/** With fewer, the 99th percentile is the worst. */
const ENOUGH_FOR_P99 = 100;

/** Every measurement in a row, and below it what must be known of some. */
export function tableOf(measurements: readonly Measurement[]): string {
  const rows = measurements.map((measurement) => {
    const { title, goal, tiebreak, compared } = measurement;
    const ratio = ratioOf(measurement);
    return [
      title,
      goalInWords(goal, tiebreak.unit),
      figureInWords(tiebreak),
      compared === undefined ? '-' : comparedInWords(compared),
      ratio === undefined ? '-' : ratio.toFixed(2),
      verdictOf(measurement),
    ];
  });
  const notes = measurements.flatMap(({ title, note, broken }) =>
    [broken, note].flatMap((said) => (said === undefined ? [] : [`${title}: ${said}`])),
  );
  const legend = 'median (least to most, number of values); the ratio is that of the medians';
  return [formatTable([HEADING, ...rows]), legend, ...notes].join('\n');
}

function goalInWords(goal: Goal, unit: string): string {
  switch (goal.kind) {
    case 'ratio':
      return `<= ${goal.most} x`;
    case 'most': {
      const limits = [
        goal.p50 === undefined ? [] : [`p50 <= ${goal.p50}`],
        goal.p99 === undefined ? [] : [`p99 <= ${goal.p99}`],
      ];
      return `${limits.flat().join(', ')} ${unit}`;
    }
    case 'least':
      return `>= ${goal.p50} ${unit}`;
    case 'reported':
      return 'reported';
  }
}

function comparedInWords({ with: name, figure }: { readonly with: string; readonly figure: Figure }): string {
  return name === 'keepalived' ? figureInWords(figure) : `${name}: ${figureInWords(figure)}`;
}

function figureInWords(figure: Figure): string {
  const { values, unit } = figure;
  if (values.length === 0) return 'could not be measured';
  const [least, most] = [quantile(values, 0), quantile(values, 1)].map(threeDigits);
  if (values.length === 1) return `${threeDigits(median(figure))} ${unit}`;
  const p99 = values.length < ENOUGH_FOR_P99 ? [] : [`p99 ${threeDigits(quantile(values, 0.99))}`];
  const spread = [...p99, `${least} to ${most}`, `n ${values.length}`].join(', ');
  return `${threeDigits(median(figure))} ${unit} (${spread})`;
}

function threeDigits(value: number): string {
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}
