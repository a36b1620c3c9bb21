import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { JOBS } from '@antrean/queue';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = globSync(['*.md', 'docs/**/*.md', 'tools/*/README.md'], { cwd: root }).toSorted();
/** These pages also name files of the past. */
const isHistory = (page: string) => page === 'CHANGELOG.md' || page.startsWith('docs/decisions/');

/** A page without code blocks, in which `#` begins a comment and brackets are no link. */
function proseOf(page: string): string {
  return readFileSync(path.join(root, page), 'utf8').replaceAll(/^```.*?^```$/gms, '');
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The fault of a link from this page; undefined for a good link or one to another site. */
function faultOf(page: string, link: string): string | undefined {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? page : path.join(path.dirname(page), file);
  if (!existsSync(path.join(root, target))) return `${link}: no such file`;
  return anchor === undefined || anchorsOf(target).includes(anchor) ? undefined : `${link}: no such heading`;
}

const section = (page: string, title: string) =>
  proseOf(page)
    .split(/^## /m)
    .find((part) => part.startsWith(`${title}\n`)) ?? '';

it('the documentation has pages', () => {
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/api.md', 'docs/architecture.md']));
});

it.each(pages)('%s links to files and headings that exist', (page) => {
  const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  expect(links.map((link) => faultOf(page, link)).filter((fault) => fault !== undefined)).toEqual([]);
});

it.each(pages.filter((page) => !isHistory(page)))('%s names folders and files that exist', (page) => {
  const names = [...proseOf(page).matchAll(/`((?:apps|packages|tools|tests|infra|docs)\/[\w./-]*)`/g)];
  const paths = names.map(([, name = '']) => name).filter((name) => !/NAME|NNNN/.test(name));
  expect(paths.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
});

describe('docs/architecture.md', () => {
  const page = 'docs/architecture.md';

  it('names functions that exist in the linked files', () => {
    const stops = [...section(page, 'Follow the code').matchAll(/^\| \d+ +\| \[`([\w.]+)`\]\(([^)]+)\)/gm)];
    expect(stops.map(([row]) => Number(/\d+/.exec(row)?.[0]))).toEqual(
      Array.from({ length: 3 }, () => [1, 2, 3, 4, 5, 6, 7, 8]).flat(),
    );
    const missing = stops.filter(([, name = '', link = '']) => {
      const file = path.join(root, path.dirname(page), link);
      const identifier = name.split('.').at(-1);
      return !existsSync(file) || !new RegExp(`\\b${identifier}\\b`).test(readFileSync(file, 'utf8'));
    });
    expect(missing.map(([, name, link]) => `${name} in ${link}`)).toEqual([]);
  });

  it('describes every job', () => {
    const rows = [...section(page, 'Jobs').matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) +\|/gm)];
    const named = rows.flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([a-z-]+)`/g)].map(([, job = '']) => job),
    );
    expect(named.toSorted()).toEqual(Object.keys(JOBS).toSorted());
  });
});
