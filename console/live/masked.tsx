import { useState } from 'preact/hooks';

/** Text that is shown on request. */
export function Masked({ text, label }: { readonly text: string; readonly label: string }) {
  const [isShown, setShown] = useState(false);
  if (isShown) return <pre>{text}</pre>;
  return (
    <button type="button" onClick={() => setShown(true)}>
      {label}
    </button>
  );
}
