import { vi } from 'vitest';
import { openMemoryStores } from '../../src/stores/memory/index.ts';
import type { Capabilities, Open } from './subject.ts';

/** One node, and nothing outside the process. */
export const openMemory: Open = () => {
  const stores = openMemoryStores();
  return Promise.resolve({ node: () => Promise.resolve(stores), close: () => stores.close() });
};

export const memoryCapabilities: Capabilities = {
  severalNodes: false,
  onlyWhatWasSubscribed: false,
  pass: async (ms) => {
    await vi.advanceTimersByTimeAsync(ms);
  },
};
