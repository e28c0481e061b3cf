import { createCipheriv, createHmac, randomBytes } from 'node:crypto';

export const APP_KEY = `base64:${Buffer.alloc(32, 7).toString('base64')}`;
export const COOKIE = 'laravel_session';

/** A cookie as Laravel encrypts it: with a new initialisation vector each time. */
export function encryptedCookie(value: string, name = COOKIE, appKey = APP_KEY): string {
  const key = Buffer.from(appKey.slice(7), 'base64');
  const prefix = createHmac('sha1', key).update(`${name}v2`).digest('hex');
  const iv = randomBytes(16);
  const cipher = createCipheriv(key.length === 16 ? 'aes-128-cbc' : 'aes-256-cbc', key, iv);
  const text = Buffer.concat([cipher.update(`${prefix}|${value}`), cipher.final()]).toString('base64');
  const payload = { iv: iv.toString('base64'), value: text, mac: '', tag: '' };
  payload.mac = createHmac('sha256', key)
    .update(payload.iv + payload.value)
    .digest('hex');
  return encodeURIComponent(Buffer.from(JSON.stringify(payload)).toString('base64'));
}
