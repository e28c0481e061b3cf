export * from './channel.ts';
export * from './frames/client-event.ts';
export * from './frames/codec.ts';
export * from './errors.ts';
export * from './frames/framing.ts';
export * from './http/signed-request.ts';
export { isJsonObject, type JsonObject, ownField, parseJson, parseJsonObject } from './json/json.ts';
export { isTooDeep, textOfField, textsOfFields, textsOfItems } from './json/json-text.ts';
export * from './limits.ts';
export * from './frames/messages.ts';
export * from './frames/position.ts';
export * from './presence.ts';
export * from './frames/resume.ts';
export {
  parseQuery,
  type QueryPair,
  type QueryPairs,
  type QueryValues,
  readingsOf,
  valuesOf,
} from './http/query.ts';
export * from './signature.ts';
export * from './socket-id.ts';
export * from './user.ts';
export * from './http/webhook.ts';
