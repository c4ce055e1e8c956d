import type { LoadReport } from './report.ts';

const WIDTH = 760;
const HEIGHT = 260;
const LEFT = 70;
const RIGHT = 20;
const TOP = 40;
const BOTTOM = 45;

interface Panel {
  title: string;
  xLabel: string;
  points: { x: number; y: number; label?: string }[];
  yUnit: string;
}

/** The report as a picture: deliveries over time, and latency by percentile. */
export function toSvg(report: LoadReport): string {
  const { options, latencyMs, perSecond } = report;
  const about = `${options.sockets} sockets, ${options.rate} events/s of ${options.payload} bytes, ${options.duration} s`;
  const deliveries: Panel = {
    title: `Deliveries a second (${about})`,
    xLabel: 'seconds',
    yUnit: '',
    points: perSecond.map((y, index) => ({ x: index + 1, y })),
  };
  const latency: Panel = {
    title: `From publishing to the client, by percentile (${report.at.slice(0, 10)}, ${report.machine.cpus} cores)`,
    xLabel: 'percentile',
    yUnit: ' ms',
    points: Object.entries(latencyMs.percentiles).map(([label, y], x) => ({ x, y, label })),
  };
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${2 * HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
${panel(deliveries, 0)}
${panel(latency, HEIGHT)}
</svg>
`;
}

function panel({ title, xLabel, points, yUnit }: Panel, offset: number): string {
  const highest = Math.max(...points.map((point) => point.y), 1);
  const first = points[0]?.x ?? 0;
  const span = Math.max((points.at(-1)?.x ?? 1) - first, 1);
  const x = (value: number) => LEFT + ((value - first) / span) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => offset + HEIGHT - BOTTOM - (value / highest) * (HEIGHT - TOP - BOTTOM);
  const line = points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(' ');
  const grid = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const value = highest * part;
    const text = `${value >= 100 ? Math.round(value) : value.toPrecision(2)}${yUnit}`;
    return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${text}</text>`;
  });
  const every = Math.ceil(points.length / 12);
  const labels = points
    .filter((_, index) => index % every === 0 || index === points.length - 1)
    .map(
      (p) => `<text x="${x(p.x)}" y="${offset + HEIGHT - BOTTOM + 16}" text-anchor="middle">${p.label ?? p.x}</text>`,
    );
  return `<text x="${LEFT}" y="${offset + 22}" font-size="14">${title}</text>
${grid.join('')}
<polyline points="${line}" fill="none" stroke="#2563eb" stroke-width="2"/>
${labels.join('')}
<text x="${(WIDTH + LEFT) / 2}" y="${offset + HEIGHT - 10}" text-anchor="middle">${xLabel}</text>`;
}
