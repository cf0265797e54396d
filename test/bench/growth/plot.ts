import { middleOf, type Series } from './growth.ts';

const [WIDTH, HEIGHT] = [640, 300];
const EDGE = { left: 70, right: 200, top: 30, bottom: 45 } as const;
const COLOURS = ['#0b6fb8', '#d1570a', '#2e8540', '#7b4fa3', '#8a6d00'];
const TICKS = 4;

/** Lines over the size, both axes from zero, as an SVG that needs nothing else. All series have one unit. */
export function plot(title: string, sizes: string, series: readonly Series[]): string {
  const points = series.flatMap((each) => each.points);
  const most = {
    x: roundUp(Math.max(...points.map(({ size }) => size))),
    y: roundUp(Math.max(...points.map(middleOf))),
  };
  const x = (size: number) => EDGE.left + (size / most.x) * (WIDTH - EDGE.left - EDGE.right);
  const y = (value: number) => HEIGHT - EDGE.bottom - (value / most.y) * (HEIGHT - EDGE.top - EDGE.bottom);
  const steps = Array.from({ length: TICKS + 1 }, (_, index) => index / TICKS);
  const grid = steps.flatMap((step) => [
    line(x(0), y(step * most.y), x(most.x), y(step * most.y)),
    text(EDGE.left - 8, y(step * most.y) + 4, 'end', short(step * most.y)),
    text(x(step * most.x), HEIGHT - EDGE.bottom + 18, 'middle', short(step * most.x)),
  ]);
  const curves = series.flatMap((each, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? 'black';
    const at = each.points.map((point) => ({ x: x(point.size).toFixed(1), y: y(middleOf(point)).toFixed(1) }));
    const legendY = EDGE.top + 10 + index * 18;
    return [
      `<polyline points="${at.map((point) => `${point.x},${point.y}`).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...at.map((point) => `<circle cx="${point.x}" cy="${point.y}" r="3" fill="${colour}"/>`),
      `<text x="${WIDTH - EDGE.right + 12}" y="${legendY}" fill="${colour}">${each.name}</text>`,
    ];
  });
  const heading = `${title} (${series[0]?.unit ?? ''})`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<title>${heading}</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>
${text(EDGE.left, 18, 'start', heading)}
${grid.join('\n')}
${text(x(most.x / 2), HEIGHT - 8, 'middle', sizes)}
${curves.join('\n')}
</svg>
`;
}

/** 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5].find((step) => value <= step * power) ?? 10);
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en');
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map((value) => value.toFixed(1));
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" stroke="#ddd"/>`;
}

function text(x: number, y: number, anchor: 'start' | 'middle' | 'end', said: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${said}</text>`;
}
