import { readFileSync } from 'node:fs';

interface CpuProfile {
  nodes: {
    id: number;
    callFrame: { url: string; functionName: string; lineNumber: number };
    children?: number[];
  }[];
  samples: number[];
  timeDeltas: number[];
}
type Frame = CpuProfile['nodes'][number]['callFrame'];

const SHOWN_PARTS = 22;

/** The self time of a .cpuprofile by part of the code, then by function. */
export function profile(file: string, functions: number): string[] {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  /** A function without a file counts for its caller. */
  const partOf = (id: number): string => {
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at);
      const part = frame === undefined ? '' : nameOfPart(frame);
      if (part !== '') return part;
    }
    return '(native)';
  };
  const byPart = new Map<string, number>();
  const byFunction = new Map<string, number>();
  const count = (map: Map<string, number>, name: string, micros: number) =>
    map.set(name, (map.get(name) ?? 0) + micros);
  samples.forEach((id, index) => {
    const micros = timeDeltas[index] ?? 0;
    count(byPart, partOf(id), micros);
    const frame = frames.get(id);
    if (frame !== undefined) count(byFunction, nameOfFunction(frame), micros);
  });
  const busy = [...byPart].reduce((sum, [name, micros]) => sum + (name === '(idle)' ? 0 : micros), 0);
  const top = (map: ReadonlyMap<string, number>, most: number) =>
    [...map]
      .filter(([name]) => !name.startsWith('(idle)'))
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, most)
      .map(([name, micros]) => `${((micros / busy) * 100).toFixed(1).padStart(5)} %  ${name}`);
  return [
    `busy ${(busy / 1e6).toFixed(2)} s`,
    ...top(byPart, SHOWN_PARTS),
    '--',
    ...top(byFunction, functions),
  ];
}

function nameOfPart({ url, functionName }: Frame): string {
  if (['(idle)', '(garbage collector)', '(program)'].includes(functionName)) return functionName;
  const [, dependency] =
    /node_modules\/(?:\.pnpm\/[^/]+\/node_modules\/)?((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  if (dependency !== undefined) return dependency;
  if (url.startsWith('node:')) return `node: ${url.slice(5).split('/').slice(0, 2).join('/')}`;
  return url === '' ? '' : `ours ${ours(url).split('/').slice(0, 2).join('/')}`;
}

const nameOfFunction = ({ url, functionName, lineNumber }: Frame): string =>
  `${functionName || '(anonymous)'} ${ours(url.replace(/^.*node_modules\//, ''))}:${lineNumber + 1}`;

const ours = (url: string): string => url.replace(/^.*\/(apps|packages|infra|tools)\//, '$1/');
