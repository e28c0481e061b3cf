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
    return entries.length <= most
      ? Object.fromEntries(entries.map(([name, each]) => [name, detail(each, mostChars)]))
      : refuse();
  };

function detail(value: unknown, mostChars: number): string | number {
  if (typeof value === 'string' && value.length <= mostChars) return value;
  return typeof value === 'number' && Number.isFinite(value) ? value : refuse();
}

/** An object with these fields; others are of newer versions, and left out. */
export const object =
  <T extends object>(fields: { readonly [Name in keyof T]-?: Reader<T[Name]> }): Reader<T> =>
  (value) => {
    const given = objectIn(value);
    const entries = Object.entries<Reader<unknown>>(fields);
    const read = entries.map(
      ([name, reader]) => [name, reader(Object.hasOwn(given, name) ? given[name] : undefined)] as const,
    );
    return Object.fromEntries(read) as unknown as T;
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
