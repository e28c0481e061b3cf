import { parseJsonObject, type WebhookType } from '#protocol';
import type { ChannelRef } from '../../../core/ports/channel-ref.ts';
import type { WebhookFields, WebhookRecord } from '../../../core/ports/webhooks.ts';
import { recordOf, type TransitionKind } from '../../transition-record.ts';

/** Kinds of transitions, by the numbers that scripts write. */
const KINDS: Readonly<Record<string, TransitionKind>> = {
  1: 'occupied',
  2: 'added',
  3: 'removed',
  4: 'vacated',
  5: 'counted',
};

/** A place in the outbox: the partition and the id in its stream. */
export interface EntryPlace {
  readonly partition: number;
  readonly streamId: string;
}

export const entryId = ({ partition, streamId }: EntryPlace): string => `${partition}-${streamId}`;

/** `undefined`: no id of an entry. */
export function placeOf(id: string, partitions: number): EntryPlace | undefined {
  const [, digits, streamId = ''] = /^(\d{1,9})-(\d{1,14}-\d{1,15})$/.exec(id) ?? [];
  const partition = Number(digits);
  return partition < partitions ? { partition, streamId } : undefined;
}

/** Groups the ids of entries by partition; what is no id is left out. */
export function byPartition(ids: readonly string[], partitions: number): Map<number, string[]> {
  const groups = new Map<number, string[]>();
  for (const id of ids) {
    const place = placeOf(id, partitions);
    if (place === undefined) continue;
    groups.set(place.partition, [...(groups.get(place.partition) ?? []), place.streamId]);
  }
  return groups;
}

export const timeOf = (streamId: string): number => Number(streamId.split('-')[0]);

export type TimedRecord = WebhookRecord & { readonly timeMs: number };

/** Encodes an event that a node made, or that is added again: then with the time at which it was made. */
export const encodeRecord = ({ type, ref, fields }: WebhookRecord, timeMs?: number): string =>
  JSON.stringify({ type, app: ref.app, channel: ref.channel, fields, timeMs });

/** Decodes what `encodeRecord` wrote; `undefined` for anything else. */
export function decodeRecord(text: string, writtenMs: number): TimedRecord | undefined {
  const { type, app, channel, fields, timeMs = writtenMs } = parseJsonObject(text) ?? {};
  const isRecord = typeof type === 'string' && typeof app === 'string' && typeof channel === 'string';
  if (!isRecord || typeof fields !== 'object' || fields === null || typeof timeMs !== 'number')
    return undefined;
  return { type: type as WebhookType, ref: { app, channel }, fields: fields as WebhookFields, timeMs };
}

/** Decodes entries of the stream; knows the apps that have endpoints, by the names that keys have for them. */
export class EntryDecoder {
  readonly #appOf: (scoped: string) => string | undefined;

  constructor(appOf: (scoped: string) => string | undefined) {
    this.#appOf = appOf;
  }

  /** `undefined`: invalid, or of an app that has no endpoints here. */
  decode(streamId: string, fields: readonly string[]): TimedRecord | undefined {
    const values = new Map<string, string>();
    for (let at = 0; at + 1 < fields.length; at += 2) values.set(fields[at] ?? '', fields[at + 1] ?? '');
    const record = values.get('record');
    if (record !== undefined) return decodeRecord(record, timeOf(streamId));
    const ref = this.#refOf(values.get('channel') ?? '');
    const kind = KINDS[values.get('kind') ?? ''];
    const decoded = ref && kind && recordOf(ref, kind, values.get('value') ?? '');
    return decoded && { ...decoded, timeMs: timeOf(streamId) };
  }

  /** Reads a channel key: length in bytes, app, channel (`Keys.channelKeyPrefix`). */
  #refOf(channelKey: string): ChannelRef | undefined {
    const [start = '', digits] = /^(\d{1,6}):/.exec(channelKey) ?? [];
    const rest = Buffer.from(channelKey.slice(start.length));
    const length = Number(digits);
    const app = this.#appOf(rest.subarray(0, length).toString());
    return app === undefined ? undefined : { app, channel: rest.subarray(length + 1).toString() };
  }
}
