export * from './channel.ts';
export * from './client-event.ts';
export * from './codec.ts';
export * from './errors.ts';
export * from './framing.ts';
export * from './http.ts';
export { isJsonObject, type JsonObject, ownField, parseJson, parseJsonObject } from './json.ts';
export { isTooDeep, textOfField, textsOfFields, textsOfItems } from './json-text.ts';
export * from './limits.ts';
export * from './messages.ts';
export * from './presence.ts';
export {
  parseQuery,
  type QueryPair,
  type QueryPairs,
  type QueryValues,
  readingsOf,
  valuesOf,
} from './query.ts';
export * from './signature.ts';
export * from './socket-id.ts';
export * from './user.ts';
export * from './webhook.ts';
