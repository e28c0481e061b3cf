import { shownText } from '../../settings/settings.ts';

/** An endpoint as it is configured, not checked yet, with the names of its parts for messages. */
export interface GivenEndpoint {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly placeOf: (field: string) => string;
}

/** A value of JSON as text; `undefined` for one that is not there. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : JSON.stringify(value);

/** A value of JSON for a message. */
export const shownValue = (value: unknown): string => shownText(textOf(value) ?? '');
