import { type AppsControl } from '../../admin/routes/apps.ts';
import { Conflict } from '../../admin/requests.ts';
import { AppsAdministration, AppsConflict } from '../../apps/sql/administration.ts';
import { DatabaseFailure } from '../../apps/sql/failure.ts';
import type { AppsWatch } from '../../apps/sql/watch.ts';
import { Unavailable } from '../../core/ports/failures.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { ignore } from '../../core/util/ignore.ts';

/** The apps of a database as the admin API changes them. This process takes a change at once, others with their next read. */
export function appsControl(watch: AppsWatch, logger: Pick<Logger, 'warn'>): AppsControl {
  const administration = new AppsAdministration(watch.database, watch.options);
  const change = async <T>(what: string, app: string, by: string, make: () => Promise<T>): Promise<T> => {
    const made = await answered(make);
    logger.warn(`An app of the database was ${what}`, { app: idOf(made) ?? app, by });
    await watch.refresh().catch(ignore);
    return made;
  };
  return {
    add: (id, by) => change('added', id ?? '', by, () => administration.add(id)),
    rotate: (id, request, by) =>
      change('given a new secret', id, by, () => administration.rotate(id, request)),
    setEnabled: (id, isEnabled, by) =>
      change(isEnabled ? 'enabled' : 'disabled', id, by, () => administration.setEnabled(id, isEnabled)),
  };
}

const idOf = (made: unknown): string | undefined => (made as { readonly id?: string } | undefined)?.id;

/** Turns failures into those of the admin API. */
async function answered<T>(make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof AppsConflict) throw new Conflict(error.message);
    if (error instanceof DatabaseFailure) throw new Unavailable(error.message);
    throw error;
  }
}
