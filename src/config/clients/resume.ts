import { limit, oneOf, setting } from '../../settings/settings.ts';

/** Settings of the resume of clients that name their tab (SPEC 13). */
export const RESUME_SETTINGS = {
  resumeSeconds: setting(
    'WAVEHALL_RESUME_SECONDS',
    limit,
    120,
    'Seconds for which a tab that is away keeps its place; 0: tabs do not resume.',
  ),
  resumeAfterCut: setting(
    'WAVEHALL_RESUME_AFTER_CUT',
    oneOf('receipt', 'sent'),
    'receipt',
    'Where a tab continues after a lost connection. receipt: no event is lost, the last ones may come twice; sent: none comes twice.',
  ),
  resumeMaxBytes: setting(
    'WAVEHALL_RESUME_MAX_BYTES',
    limit,
    64 * 1024 * 1024,
    'Bytes of the places of tabs that are away, on one node; 0: no limit.',
  ),
  resumeTabsPerAddress: setting(
    'WAVEHALL_RESUME_TABS_PER_ADDRESS',
    limit,
    1000,
    'Tabs of one client address that are away, on one node; 0: no limit.',
  ),
} as const;
