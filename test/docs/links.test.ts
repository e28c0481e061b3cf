/** Checks the links of every page: each leads to a file or folder in git, and each anchor to a heading. */
import { execFileSync } from 'node:child_process';
import { posix } from 'node:path';
import { expect, test } from 'vitest';
import { anchorsOf, linksOf } from './page.ts';
import { pages, ROOT } from './shell-blocks.ts';

const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => file !== '');
const folders = new Set(
  files.flatMap((file) => {
    const parts = file.split('/');
    return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join('/'));
  }),
);
const known = new Set([...files, ...folders, '.']);

const links = pages()
  .flatMap(linksOf)
  .filter(({ text }) => !/^[a-z+]+:/.test(text));

test('every relative link leads to a file of the repository', () => {
  const broken = links.filter(({ page, text }) => !known.has(targetOf(page, text)));
  expect(broken).toEqual([]);
  expect(links.length).toBeGreaterThan(50);
});

test('every anchor belongs to a heading', () => {
  const anchored = links.filter(({ text }) => text.includes('#'));
  const broken = anchored.filter(
    ({ page, text }) => !hasAnchor(targetOf(page, text), text.split('#')[1] ?? ''),
  );
  expect(broken).toEqual([]);
  expect(anchored.length).toBeGreaterThan(5);
});

test('README has a link to every page of docs/', () => {
  const listed = new Set(
    links.filter(({ page }) => page === 'README.md').map((link) => targetOf(link.page, link.text)),
  );
  const docs = pages().filter((page) => /^docs\/[^/]+\.md$/.test(page));
  expect(docs.filter((page) => !listed.has(page))).toEqual([]);
  expect(docs.length).toBeGreaterThan(10);
});

function targetOf(page: string, link: string): string {
  const [path = ''] = link.split('#');
  return path === '' ? page : posix.normalize(posix.join(posix.dirname(page), path)).replace(/\/$/, '');
}

const hasAnchor = (target: string, anchor: string): boolean =>
  target.endsWith('.md') && known.has(target) && anchorsOf(target).has(anchor);
