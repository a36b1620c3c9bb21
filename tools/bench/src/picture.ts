// Draws several quantities over the same time, one below the other, as one SVG file without dependencies.

interface Series {
  name: string;
  colour: string;
  /** Filled down to zero. */
  isArea?: boolean;
  /** By time, in seconds from the start. */
  points: readonly { second: number; value: number }[];
}

export interface Panel {
  title: string;
  unit: string;
  series: readonly Series[];
}

const WIDTH = 900;
const PANEL_HEIGHT = 170;
const GAP = 56;
const LEFT = 76;
const RIGHT = 24;
const TOP = 84;
const BOTTOM = 52;
const INNER = WIDTH - LEFT - RIGHT;

export function drawPicture(title: string, subtitle: string, panels: readonly Panel[]): string {
  const lastSecond = Math.max(
    1,
    ...panels.flatMap(({ series }) => series.flatMap(({ points }) => points.at(-1)?.second ?? 0)),
  );
  const height = TOP + panels.length * (PANEL_HEIGHT + GAP) - GAP + BOTTOM;
  const x = (second: number) => LEFT + (second / lastSecond) * INNER;
  const bottom = height - BOTTOM;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
      'font-family="system-ui, sans-serif" font-size="12" fill="#333">',
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="${LEFT}" y="28" font-size="18" font-weight="600" fill="#111">${escaped(title)}</text>`,
    `<text x="${LEFT}" y="48" fill="#555">${escaped(subtitle)}</text>`,
    ...panels.flatMap((panel, index) => drawPanel(panel, TOP + index * (PANEL_HEIGHT + GAP), x, lastSecond)),
    ...ticks(lastSecond, 10).map(
      (second) =>
        `<text x="${at(x(second))}" y="${bottom + 18}" text-anchor="middle" fill="#555">${second}</text>`,
    ),
    `<text x="${LEFT + INNER / 2}" y="${bottom + 38}" text-anchor="middle">seconds since the first buyer arrived</text>`,
    '</svg>',
    '',
  ].join('\n');
}

function drawPanel(
  { title, unit, series }: Panel,
  top: number,
  x: (second: number) => number,
  lastSecond: number,
): string[] {
  const highest = Math.max(1, ...series.flatMap(({ points }) => points.map(({ value }) => value)));
  const marks = ticks(highest, 4);
  const ceiling = Math.max(highest, marks.at(-1) ?? 0);
  const floor = top + PANEL_HEIGHT;
  const y = (value: number) => floor - (value / ceiling) * PANEL_HEIGHT;
  const lines = series.map(({ points, colour, isArea }) => {
    const [first, last] = [points[0], points.at(-1)];
    if (first === undefined || last === undefined) return '';
    const path = points.map(({ second, value }) => `${at(x(second))},${at(y(value))}`).join(' ');
    const area = `<polygon fill="${colour}" fill-opacity="0.15" points="${at(x(first.second))},${floor} ${path} ${at(x(last.second))},${floor}"/>`;
    return `${isArea === true ? area : ''}<polyline fill="none" stroke="${colour}" stroke-width="1.8" stroke-linejoin="round" points="${path}"/>`;
  });
  return [
    `<text x="${LEFT}" y="${top - 10}" font-size="13" font-weight="600">${escaped(title)}` +
      `<tspan font-weight="400" fill="#777"> (${escaped(unit)})</tspan></text>`,
    ...legend(series, top - 10),
    ...ticks(lastSecond, 10).map(
      (second) =>
        `<line x1="${at(x(second))}" y1="${top}" x2="${at(x(second))}" y2="${floor}" stroke="#f0f0f0"/>`,
    ),
    ...marks.map(
      (value) =>
        `<line x1="${LEFT}" y1="${at(y(value))}" x2="${LEFT + INNER}" y2="${at(y(value))}" stroke="#e4e4e4"/>` +
        `<text x="${LEFT - 8}" y="${at(y(value) + 4)}" text-anchor="end" fill="#555">${value.toLocaleString('en')}</text>`,
    ),
    ...lines,
    `<path d="M${LEFT} ${top}V${floor}H${LEFT + INNER}" fill="none" stroke="#888"/>`,
  ];
}

const LEGEND_CHARACTER = 6.6;

/** From right to left, at the height of the panel's title. */
function legend(series: readonly Series[], y: number): string[] {
  let end = LEFT + INNER;
  return series.toReversed().map(({ name, colour }) => {
    const start = end - name.length * LEGEND_CHARACTER - 24;
    end = start - 12;
    return (
      `<line x1="${at(start)}" y1="${y - 4}" x2="${at(start + 18)}" y2="${y - 4}" stroke="${colour}" stroke-width="3"/>` +
      `<text x="${at(start + 24)}" y="${y}">${escaped(name)}</text>`
    );
  });
}

/** About `about` round numbers from 0. */
function ticks(highest: number, about: number): number[] {
  const rough = highest / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10) * power);
  return Array.from({ length: Math.floor(highest / step) + 1 }, (_, index) => index * step);
}

const at = (value: number) => value.toFixed(1);

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
