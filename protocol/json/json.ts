/** An object from outside. Read fields with `ownField` when inherited ones must not count. */
export type JsonObject = Readonly<Record<string, unknown>>;

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A field that the sender wrote; fields that every object inherits are `undefined`. */
export const ownField = (object: JsonObject, name: string): unknown =>
  Object.hasOwn(object, name) ? object[name] : undefined;

/** The value of a JSON text; `undefined` when it is not JSON. Its numbers are rounded: what is passed on is its text (`json-text.ts`). */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The object that a JSON text holds; `undefined` when it holds anything else. */
export function parseJsonObject(text: string | undefined): JsonObject | undefined {
  const value = text === undefined ? undefined : parseJson(text);
  return isJsonObject(value) ? value : undefined;
}
