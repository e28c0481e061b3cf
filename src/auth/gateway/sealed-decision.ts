import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { isJsonObject, parseJsonObject } from '#protocol';
import type { App } from '../../core/app.ts';
import type { AppProvider } from '../../core/ports/apps.ts';
import type { Decision } from './decision.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Secrets whose keys are kept; a server has a few. */
const KEPT_KEYS = 1000;

const keys = new Map<string, Buffer>();

function keyOf(secret: string): Buffer {
  const known = keys.get(secret);
  if (known !== undefined) return known;
  if (keys.size >= KEPT_KEYS) keys.clear();
  const made = Buffer.from(hkdfSync('sha256', secret, '', 'wavehall auth decisions', 32));
  keys.set(secret, made);
  return made;
}

/**
 * Encrypts a decision with a key that is made from the app's secret, for one question: whoever reads or writes the store
 * cannot read it, use it for another question, or make one (SPEC 14.4).
 */
export function sealed(decision: Decision, app: App, question: string): string | undefined {
  const credential = app.credentials.find(({ key }) => key === decision.key);
  if (credential === undefined) return undefined;
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(credential.secret), nonce).setAAD(Buffer.from(question));
  const text = Buffer.concat([cipher.update(JSON.stringify(decision)), cipher.final()]);
  const data = Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64');
  return JSON.stringify({ app: app.id, key: decision.key, data });
}

/** The decision and its app; `undefined` when no secret of the app for that key opens it. */
export async function opened(
  text: string,
  question: string,
  apps: AppProvider,
): Promise<{ readonly decision: Decision; readonly app: App } | undefined> {
  const { app: id, key, data } = parseJsonObject(text) ?? {};
  if (typeof id !== 'string' || typeof key !== 'string' || typeof data !== 'string') return undefined;
  const app = await apps.byId(id);
  const secrets = app?.credentials.filter((each) => each.key === key) ?? [];
  for (const { secret } of secrets) {
    const decision = openedWith(secret, question, Buffer.from(data, 'base64'));
    if (app !== undefined && decision !== undefined) return { app, decision };
  }
  return undefined;
}

function openedWith(secret: string, question: string, bytes: Buffer): Decision | undefined {
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const [nonce, rest] = [bytes.subarray(0, NONCE_BYTES), bytes.subarray(NONCE_BYTES)];
  try {
    const decipher = createDecipheriv(CIPHER, keyOf(secret), nonce)
      .setAAD(Buffer.from(question))
      .setAuthTag(rest.subarray(0, TAG_BYTES));
    const text = Buffer.concat([decipher.update(rest.subarray(TAG_BYTES)), decipher.final()]).toString();
    const decision: unknown = JSON.parse(text);
    // Nobody without the secret wrote it, so that its form is right.
    return isJsonObject(decision) ? (decision as unknown as Decision) : undefined;
  } catch {
    return undefined;
  }
}
