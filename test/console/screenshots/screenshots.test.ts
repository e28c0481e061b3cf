/** The screenshots of the README: they are there, they are small, and the script makes them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { LONG_MS } from '../../cli/operated-server.ts';
import { launchChromium, withChromium } from '../../support/browser.ts';
import { pngOf } from './png.ts';
import { FILES, takeScreenshots, WIDTH } from './take.ts';

vi.setConfig({ testTimeout: 6 * LONG_MS });

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MOST_BYTES = 150_000;

/** The width in the header of a PNG; throws for any other file. */
function widthOf(file: Buffer): number {
  expect(file.subarray(0, 8).toString('latin1')).toBe('\u0089PNG\r\n\u001a\n');
  return file.readUInt32BE(16);
}

function expectPictures(folder: string): void {
  expect(readdirSync(folder).toSorted()).toEqual(FILES.toSorted());
  for (const name of FILES) {
    const file = readFileSync(join(folder, name));
    expect([name, widthOf(file)]).toEqual([name, WIDTH]);
    expect([name, file.length < MOST_BYTES, file.length > 5000]).toEqual([name, true, true]);
  }
}

test('17.1 the README shows each picture, in the colours of its reader, with words for those who do not see it', () => {
  expectPictures(join(ROOT, 'docs/images'));
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  for (const name of FILES) expect([name, readme.includes(`docs/images/${name}`)]).toEqual([name, true]);
  const pictures = [...readme.matchAll(/<picture>.*?<\/picture>/gs)].map(([picture]) => picture);
  expect(pictures).toHaveLength(FILES.length / 2);
  for (const picture of pictures) {
    expect(picture).toMatch(/<source media="\(prefers-color-scheme: dark\)" srcset="[^"]+-dark\.png"/);
    expect(picture).toMatch(/<img src="[^"]+-light\.png" alt="[^"]{20,}"/);
  }
});

test('17.1 a picture with few colours keeps them', () => {
  const file = pngOf({ width: 2, height: 1, data: Buffer.from([1, 2, 3, 255, 250, 251, 252, 255]) });
  const palette = file.subarray(file.indexOf('PLTE') + 4, file.indexOf('PLTE') + 10);
  const colours = [palette.subarray(0, 3), palette.subarray(3)].map((colour) => colour.toString('hex'));
  expect(colours.toSorted()).toEqual(['010203', 'fafbfc']);
});

withChromium('npm run screenshots', () => {
  test('17.1 takes all pictures from a real run', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wavehall-screenshots-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const browser = await launchChromium();
    onTestFinished(() => browser.close());
    await takeScreenshots(browser, folder, 1);
    expectPictures(folder);
  });
});
