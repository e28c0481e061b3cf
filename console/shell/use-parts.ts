import { useEffect, useState } from 'preact/hooks';
import { read } from '../api.ts';

/** Names of the parts of the server that are on; `undefined`: not known yet. */
export function useParts(): ReadonlySet<string> | undefined {
  const [parts, setParts] = useState<ReadonlySet<string>>();
  useEffect(() => {
    read('/parts').then(
      (answer) => setParts(new Set((answer as { parts: string[] }).parts)),
      () => setParts(new Set()),
    );
  }, []);
  return parts;
}
