import { createContext } from 'preact';
import type { Mode } from '../api.ts';

/** Tells the views that a console is read-only. */
export const ModeContext = createContext<Mode>('read');
