/** Reads a value that another process sent; throws `NotReadable` for anything else. */
export type Reader<T> = (value: unknown) => T;

/** A value is not of the form that was expected. */
export class NotReadable extends Error {
  override readonly name = 'NotReadable';
}

const refuse = (): never => {
  throw new NotReadable('The value has another form.');
};

export const text =
  (mostChars: number): Reader<string> =>
  (value) =>
    typeof value === 'string' && value.length <= mostChars ? value : refuse();

/** A whole number from 0 on. */
export const count: Reader<number> = (value) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : refuse();

export const oneOf =
  <T extends string>(...values: readonly T[]): Reader<T> =>
  (value) =>
    values.find((each) => each === value) ?? refuse();

export const optional =
  <T>(read: Reader<T>): Reader<T | undefined> =>
  (value) =>
    value === undefined ? undefined : read(value);

export const listOf =
  <T>(read: Reader<T>, most: number): Reader<readonly T[]> =>
  (value) =>
    Array.isArray(value) && value.length <= most ? value.map((each) => read(each)) : refuse();

/** Texts and numbers by their names. */
export const details =
  (most: number, mostChars: number): Reader<Readonly<Record<string, string | number>>> =>
  (value) => {
    const entries = Object.entries(objectIn(value));
    if (entries.length > most) return refuse();
    return Object.fromEntries(
      entries.map(([name, each]) => {
        if (typeof each === 'string' && each.length <= mostChars) return [name, each];
        return typeof each === 'number' && Number.isFinite(each) ? [name, each] : refuse();
      }),
    );
  };

/** An object with these fields; others are of newer versions, and left out. */
export const object =
  <T extends object>(fields: { readonly [Name in keyof T]-?: Reader<T[Name]> }): Reader<T> =>
  (value) => {
    const given = objectIn(value);
    const entries = Object.entries(fields) as [string, Reader<unknown>][];
    return Object.fromEntries(
      entries.map(([name, read]) => [name, read(Object.hasOwn(given, name) ? given[name] : undefined)]),
    ) as T;
  };

function objectIn(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse();
  return value as Record<string, unknown>;
}

/** The value, or `undefined` if it is not of this form. */
export function readOr<T>(read: Reader<T>, value: unknown): T | undefined {
  try {
    return read(value);
  } catch (error) {
    if (error instanceof NotReadable) return undefined;
    throw error;
  }
}
