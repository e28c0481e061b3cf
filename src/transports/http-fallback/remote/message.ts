import { isJsonObject, parseJson } from '#protocol';
import type { ReceiverKind } from '../receiver.ts';

/** Messages between the node of a request and the node that holds its session (SPEC 10.9). `id` names the request. */
export type NodeMessage =
  /** To the holder: the messages of one body; `null`: it was too large. */
  | {
      readonly type: 'send';
      readonly from: string;
      readonly id: string;
      readonly session: string;
      readonly messages: readonly string[] | null;
    }
  /** To the node of the request: the body was taken, or there is no such session. */
  | { readonly type: 'sent'; readonly id: string; readonly isKnown: boolean }
  /** To the holder: a receiving request. */
  | {
      readonly type: 'attach';
      readonly from: string;
      readonly id: string;
      readonly session: string;
      readonly kind: ReceiverKind;
    }
  /** To the node of the request: it has to open the session itself. */
  | { readonly type: 'unknown'; readonly id: string }
  /** To the node of the request: lines, numbered from 0; `isLast`: the response ends with them. */
  | {
      readonly type: 'lines';
      readonly id: string;
      readonly number: number;
      readonly lines: string;
      readonly isLast: boolean;
    }
  /** To the holder: bytes of the lines that the client's network has taken. */
  | { readonly type: 'flushed'; readonly id: string; readonly bytes: number }
  /** In both directions: nothing is left of the response. `bytes`: of the lines that it got; `isWhole`: the network took them. */
  | { readonly type: 'gone'; readonly id: string; readonly bytes: number; readonly isWhole: boolean }
  /** In both directions, every few seconds: the requests that the sender has for this node, with the number of their next lines. */
  | {
      readonly type: 'beat';
      readonly from: string;
      readonly requests: readonly (readonly [id: string, number: number])[];
    };

const isId = (value: unknown): boolean => typeof value === 'string' && /^[\w-]{1,64}$/.test(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isFlag = (value: unknown): boolean => typeof value === 'boolean';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isTexts = (value: unknown): boolean => value === null || (Array.isArray(value) && value.every(isText));
const isKind = (value: unknown): boolean => value === 'xhr_streaming' || value === 'xhr_polling';
const isRequests = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.every(
    (each: unknown) => Array.isArray(each) && each.length === 2 && isId(each[0]) && isCount(each[1]),
  );

/** The fields of each type, beside `type`. */
const FIELDS: Readonly<Record<NodeMessage['type'], Readonly<Record<string, (value: unknown) => boolean>>>> = {
  send: { from: isId, id: isId, session: isText, messages: isTexts },
  sent: { id: isId, isKnown: isFlag },
  attach: { from: isId, id: isId, session: isText, kind: isKind },
  unknown: { id: isId },
  lines: { id: isId, number: isCount, lines: isText, isLast: isFlag },
  flushed: { id: isId, bytes: isCount },
  gone: { id: isId, bytes: isCount, isWhole: isFlag },
  beat: { from: isId, requests: isRequests },
};

/** Decodes strictly: anything but a message with exactly its fields is `undefined`. */
export function decodeMessage(text: string): NodeMessage | undefined {
  const value = parseJson(text);
  if (!isJsonObject(value)) return undefined;
  const { type } = value;
  if (typeof type !== 'string' || !Object.hasOwn(FIELDS, type)) return undefined;
  const fields = Object.entries(FIELDS[type as NodeMessage['type']]);
  if (Object.keys(value).length !== fields.length + 1) return undefined;
  return fields.every(([name, isValid]) => isValid(value[name]))
    ? (value as unknown as NodeMessage)
    : undefined;
}
