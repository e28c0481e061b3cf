import { onTestFinished, vi } from 'vitest';
import { EndpointDelivery } from '../../src/webhooks/delivery/endpoint-delivery.ts';
import { DEFAULT_WEBHOOK_SETTINGS, type WebhookSettings } from '../../src/webhooks/index.ts';
import { resultOf } from '../../src/webhooks/http/answer.ts';
import { failure, type Message, type SendResult } from '../../src/webhooks/sink.ts';
import { endpointOf } from './deliver.ts';
import { TestOutbox } from './memory-outbox.ts';

export type Sent = Message & { readonly atMs: number };

/** Status of an answer, or the whole result. */
export type FakeAnswer = (message: Sent, count: number) => number | SendResult | Promise<SendResult>;

/** Makes the clock and all timers those of the test, until it ends. */
export function fakeTime(): void {
  vi.useFakeTimers({ now: 1_000_000_000_000 });
  onTestFinished(() => void vi.useRealTimers());
}

export const advance = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** Delivery to one endpoint whose answers a test gives at once, with the settings of a server; call `fakeTime` before. */
export function fakeEndpoint(
  answer: FakeAnswer,
  settings: Partial<WebhookSettings> = {},
  outbox: TestOutbox = new TestOutbox(['shop']),
) {
  const sent: Sent[] = [];
  const lines: string[] = [];
  const { promise: closed, resolve: close } = promiseOf<SendResult>();
  const endpoint = { answer, sent, lines, outbox };
  const send = async (message: Message): Promise<SendResult> => {
    const each = { ...message, atMs: Date.now() };
    sent.push(each);
    const result = await Promise.race([endpoint.answer(each, sent.length), closed]);
    return typeof result === 'number' ? resultOf(result, undefined, Date.now()) : result;
  };
  const delivery = new EndpointDelivery({
    app: 'app-id',
    endpoint: endpointOf('shop', 'https://shop.test/hook'),
    sink: { send, close: () => Promise.resolve(close(failure('closed'))) },
    outbox,
    logger: { warn: (message) => lines.push(message) },
    clock: Date.now,
    settings: { ...DEFAULT_WEBHOOK_SETTINGS, closeWithinMs: 0, ...settings },
  });
  outbox.onAdded(() => delivery.notify());
  delivery.notify();
  onTestFinished(() => {
    vi.useRealTimers();
    return delivery.close();
  });
  return Object.assign(endpoint, { delivery });
}

function promiseOf<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

/** Seconds between one attempt and the next. */
export const pausesOf = (sent: readonly Sent[]): number[] =>
  sent.slice(1).map(({ atMs }, at) => (atMs - sent[at]!.atMs) / 1000);
