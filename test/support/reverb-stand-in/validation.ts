import { isArray } from './php.ts';

/** Messages by field, as Laravel's validator words them. */
export type ValidationErrors = Record<string, string[]>;

const isMissing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (typeof value === 'string' && value.trim() === '') ||
  (isArray(value) && Object.keys(value).length === 0);

const words = (field: string): string => field.replaceAll('_', ' ');

class Validator {
  readonly errors: ValidationErrors = {};

  required(field: string, value: unknown, kind: 'string' | 'array'): void {
    if (isMissing(value)) this.#add(field, `The ${words(field)} field is required.`);
    else this.of(field, value, kind);
  }

  /** Checks the type of a value that is present; null is present. */
  of(field: string, value: unknown, kind: 'string' | 'array'): void {
    if (value === undefined || (typeof value === 'string' && value.trim() === '')) return;
    const fits = kind === 'string' ? typeof value === 'string' : isArray(value);
    if (!fits)
      this.#add(field, `The ${words(field)} field must be ${kind === 'string' ? 'a string' : 'an array'}.`);
  }

  without(field: string, value: unknown, kind: 'string' | 'array', other: string, otherValue: unknown): void {
    if (isMissing(value) && isMissing(otherValue))
      this.#add(field, `The ${words(field)} field is required when ${words(other)} is not present.`);
    else this.of(field, value, kind);
  }

  get result(): ValidationErrors | undefined {
    return Object.keys(this.errors).length > 0 ? this.errors : undefined;
  }

  #add(field: string, message: string): void {
    this.errors[field] = [...(this.errors[field] ?? []), message];
  }
}

export const invalidEvent = (payload: Record<string, unknown>): ValidationErrors | undefined => {
  const validator = new Validator();
  const { name, data, channels, channel, socket_id: socketId, info } = payload;
  validator.required('name', name, 'string');
  validator.required('data', data, 'string');
  validator.without('channels', channels, 'array', 'channel', channel);
  validator.without('channel', channel, 'string', 'channels', channels);
  validator.of('socket_id', socketId, 'string');
  validator.of('info', info, 'string');
  return validator.result;
};

export const invalidBatch = ({ batch }: Record<string, unknown>): ValidationErrors | undefined => {
  const validator = new Validator();
  validator.required('batch', batch, 'array');
  if (!isArray(batch)) return validator.result;
  for (const [at, each] of Object.entries(batch)) {
    const item = isArray(each) ? each : {};
    const field = (name: string): string => `batch.${at}.${name}`;
    validator.required(field('name'), item.name, 'string');
    validator.required(field('data'), item.data, 'string');
    validator.without(field('channel'), item.channel, 'string', 'channels', undefined);
    validator.of(field('socket_id'), item.socket_id, 'string');
    validator.of(field('info'), item.info, 'string');
  }
  return validator.result;
};
