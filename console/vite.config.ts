import { preact } from '@preact/preset-vite';
import { defineConfig } from 'vite';

/** Builds the page of the console into the package. All addresses are relative: a proxy may put a prefix in front. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [preact()],
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    // A file inside a data: address is not allowed by the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
});
