/** `npm run screenshots`: takes the pictures of docs/images again. It runs for about six minutes. */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launchChromium } from '../../support/browser.ts';
import { takeScreenshots } from './take.ts';

const FOLDER = fileURLToPath(new URL('../../../docs/images/', import.meta.url));
/** Points of the charts. */
const STEPS = 30;

const browser = await launchChromium();
try {
  await mkdir(FOLDER, { recursive: true });
  await takeScreenshots(browser, FOLDER, STEPS);
} finally {
  await browser.close();
}
