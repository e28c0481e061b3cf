import type { IncomingHttpHeaders } from 'node:http';
import {
  channelText,
  hmacHex,
  type JsonObject,
  parseJsonObject,
  userText,
  verifyChannelAuth,
  verifyUserAuth,
} from '#protocol';
import type { App } from '../../core/app.ts';
import type { AppProvider } from '../../core/ports/apps.ts';
import type { HttpAnswer } from '../../net/http-client.ts';
import type { Question } from './question.ts';

/** Fields that an answer of the app may have beside `auth`; each is passed on byte for byte. */
const FIELDS = ['channel_data', 'shared_secret', 'user_data'] as const;
type Fields = Readonly<Partial<Record<(typeof FIELDS)[number], string>>>;

/** Headers of an answer that are repeated with its decision. */
const REPEATED = ['content-type', 'vary', 'access-control-allow-origin', 'access-control-allow-credentials'];

/** An answer of the app that allowed something (SPEC 14.4). */
export interface Decision {
  /** Id of the app, and the key that it signed with. */
  readonly app: string;
  readonly key: string;
  readonly fields: Fields;
  readonly headers: Readonly<Record<string, string>>;
}

/** Reason why an answer with status 200 is no decision. */
export type NoDecision = 'form' | 'unknown_key' | 'signature';

/** Reads the decision of an answer with status 200. */
export async function decisionIn(
  { text, headers }: Pick<HttpAnswer, 'text' | 'headers'>,
  question: Question,
  apps: AppProvider,
): Promise<Decision | NoDecision> {
  const answer = answerIn(text);
  if (answer === undefined) return 'form';
  const { auth, fields } = answer;
  const key = auth.slice(0, Math.max(0, auth.indexOf(':')));
  const app = await apps.byKey(key);
  if (app?.enabled !== true) return 'unknown_key';
  if (!isSignedFor(app, question, auth, fields)) return 'signature';
  return { app: app.id, key, fields, headers: repeatedHeaders(headers) };
}

/** `auth` and the fields of an answer that has nothing else. */
function answerIn(text: string): { readonly auth: string; readonly fields: Fields } | undefined {
  const json = parseJsonObject(text);
  if (json === undefined || typeof json.auth !== 'string') return undefined;
  const { auth, ...rest } = json;
  return isFields(rest) ? { auth, fields: rest } : undefined;
}

const isFields = (rest: JsonObject): rest is JsonObject & Fields =>
  Object.entries(rest).every(
    ([name, value]) => (FIELDS as readonly string[]).includes(name) && typeof value === 'string',
  );

function isSignedFor(
  app: App,
  { purpose, socketId, channel }: Question,
  auth: string,
  fields: Fields,
): boolean {
  const { credentials, extraChannelCharacters: extraCharacters } = app;
  if (purpose === 'user')
    return verifyUserAuth(credentials, { socketId, auth, userData: fields.user_data ?? '' }, true);
  return verifyChannelAuth(
    credentials,
    { socketId, channel, auth, channelData: fields.channel_data, extraCharacters },
    true,
  );
}

const repeatedHeaders = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    REPEATED.filter((name) => typeof headers[name] === 'string').map((name) => [name, String(headers[name])]),
  );

/** Body of the answer for the socket of a question; `undefined` when the app has no secret for the key any more. */
export function signedBody(
  decision: Decision,
  app: App,
  { purpose, socketId, channel }: Question,
): string | undefined {
  const { key, fields } = decision;
  const credential = app.enabled ? app.credentials.find((each) => each.key === key) : undefined;
  if (credential === undefined) return undefined;
  const text =
    purpose === 'user'
      ? userText(socketId, fields.user_data ?? '')
      : channelText(socketId, channel, fields.channel_data);
  return JSON.stringify({ auth: `${key}:${hmacHex(credential.secret, text)}`, ...fields });
}

/** Id of the user whom the app named; `undefined`: it named none. */
export function userOf({ fields }: Decision): string | undefined {
  const [data, name] =
    fields.user_data === undefined ? [fields.channel_data, 'user_id'] : [fields.user_data, 'id'];
  const id = data === undefined ? undefined : parseJsonObject(data)?.[name];
  return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
}
