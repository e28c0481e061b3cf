import { randomBytes } from 'node:crypto';
import PusherSdk from 'pusher';
import { APP } from '../support/app.ts';

/** Address of the server under test, and credentials of the app. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly secret?: string;
}

const encryptionMasterKeyBase64 = randomBytes(32).toString('base64');

/** Pusher's Node SDK; all instances of a run share the key of encrypted channels. */
export const sdkFor = ({ host, port, secret = APP.secret }: Target, appId = APP.id): PusherSdk =>
  new PusherSdk({
    appId,
    key: APP.key,
    secret,
    host,
    port: String(port),
    useTLS: false,
    encryptionMasterKeyBase64,
  });

/** Sends a signed GET and decodes the answer. */
export const ask = async (
  sdk: PusherSdk,
  path: string,
  params: Record<string, string> = {},
): Promise<unknown> => (await sdk.get({ path, params })).json();
