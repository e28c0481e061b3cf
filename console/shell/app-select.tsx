interface AppSelectProps {
  /** Empty: none is chosen yet, or with `hasAll` all are. */
  readonly app: string;
  readonly ids: readonly string[];
  readonly hasAll?: boolean;
  readonly onChange: (app: string) => void;
}

/** Chooses an app, or all of them. The chosen one is shown although it may not be among the `ids`. */
export function AppSelect({ app, ids, hasAll = false, onChange }: AppSelectProps) {
  const shown = app === '' || ids.includes(app) ? ids : [app, ...ids];
  return (
    <label>
      App{' '}
      <select value={app} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        {hasAll && <option value="">all apps</option>}
        {shown.map((id) => (
          <option key={id} value={id}>
            {id}
          </option>
        ))}
      </select>
    </label>
  );
}
