import {
  isJsonObject,
  type Member,
  memberOf,
  ownField,
  textOfField,
  textsOfFields,
  textsOfItems,
  userIdOf,
} from '#protocol';
import { objectIn } from '../../client/read-frame.ts';

/** Reads a member from the JSON text of an object; `undefined` when it holds no usable one. */
export function memberIn(json: string, idField = 'user_id'): Member | undefined {
  const texts = textsOfFields(json);
  return memberOf(ownField(objectIn(json), idField), texts.get(idField), infoIn(texts.get('user_info')));
}

/** PHP writes `null` for a member without `user_info`. */
const infoIn = (text: string | undefined): string | undefined => (text === 'null' ? undefined : text);

/** SPEC 11.10: reads the roster in `subscription_succeeded`. PHP writes `hash` as a list when the ids count from 0. */
export function rosterIn(json = ''): Member[] {
  const presence = ownField(objectIn(json), 'presence');
  if (!isJsonObject(presence)) return [];
  const texts = textsOfFields(textOfField(json, 'presence') ?? '');
  const [ids, idsJson] = [ownField(presence, 'ids'), texts.get('ids')];
  if (!Array.isArray(ids) || idsJson === undefined) return [];
  const idTexts = textsOfItems(idsJson);
  const infos = infosIn(ownField(presence, 'hash'), texts.get('hash'));
  return ids.flatMap((value: unknown, at) => {
    const id = userIdOf(value, idTexts[at]);
    return id === undefined ? [] : (memberOf(value, idTexts[at], infoIn(infos(id))) ?? []);
  });
}

function infosIn(hash: unknown, json = ''): (id: string) => string | undefined {
  if (Array.isArray(hash)) {
    const items = textsOfItems(json);
    return (id) => (/^\d+$/.test(id) ? items[Number(id)] : undefined);
  }
  const fields = isJsonObject(hash) ? textsOfFields(json) : new Map<string, string>();
  return (id) => fields.get(id);
}
