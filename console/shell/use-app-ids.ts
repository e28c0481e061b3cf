import { useEffect, useState } from 'preact/hooks';
import { read } from '../api.ts';

/** Ids of the apps of the server; none until they are known. */
export function useAppIds(): readonly string[] {
  const [ids, setIds] = useState<readonly string[]>([]);
  useEffect(() => {
    read('/apps').then(
      (answer) => setIds((answer as { apps: { id: string }[] }).apps.map(({ id }) => id)),
      () => undefined,
    );
  }, []);
  return ids;
}
