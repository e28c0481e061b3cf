import { useState } from 'preact/hooks';

/** Text that is shown on request. */
export function Masked({ text, label }: { readonly text: string; readonly label: string }) {
  const [isShown, setShown] = useState(false);
  // It may scroll; and the button that had the focus is gone.
  if (isShown)
    return (
      <pre tabIndex={0} ref={focused}>
        {text}
      </pre>
    );
  return (
    <button type="button" onClick={() => setShown(true)}>
      {label}
    </button>
  );
}

const focused = (shown: HTMLPreElement | null): void => shown?.focus();
