import type { FailureReason } from './reasons.ts';
import type { AppsDatabase } from './options.ts';
import { describeDatabase } from './address.ts';
import { tlsFailure } from './tls-failure.ts';

/** A statement failed. The message is a sentence for the operator, without a password. */
export class DatabaseFailure extends Error {
  override readonly name = 'DatabaseFailure';
  readonly reason: FailureReason;

  constructor(reason: FailureReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

/** Thrown in place of an answer that did not come in time. */
export class TimedOut extends Error {}

/** Codes of `mysql2`, `pg` and Node. */
const BY_CODE: Readonly<Record<string, FailureReason>> = {
  ER_NO_SUCH_TABLE: 'table',
  '42P01': 'table',
  '3F000': 'table',
  ER_TABLEACCESS_DENIED_ERROR: 'permission',
  ER_COLUMNACCESS_DENIED_ERROR: 'permission',
  '42501': 'permission',
  ER_ACCESS_DENIED_ERROR: 'login',
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: 'login',
  ER_DBACCESS_DENIED_ERROR: 'login',
  ER_BAD_DB_ERROR: 'login',
  '28P01': 'login',
  '28000': 'login',
  '3D000': 'login',
  ERR_MODULE_NOT_FOUND: 'package',
  ETIMEDOUT: 'timeout',
};

/** Says what to do, where the reason of the database does not tell. */
const ADVICE: Readonly<Partial<Record<FailureReason, (options: AppsDatabase, words: string) => string>>> = {
  // MariaDB answers a right password over an unencrypted connection in the same way.
  login: ({ dialect, tls, socketPath }, words) =>
    dialect === 'mysql' && tls === undefined && socketPath === undefined
      ? `${words}. This connection has no TLS: if the database asks for it, add sslmode=require`
      : words,
  package: (options) =>
    `this database needs an npm package that is not installed: ${installCommand(options)}`,
  table: ({ table }) => `there is no table ${table}: wavehall apps migrate creates it`,
  permission: ({ table, user }) => `the user ${user} may not do this with the table ${table}`,
  timeout: ({ timeoutMs }) => `it did not answer within ${timeoutMs / 1000} s`,
};

/** The command that installs the npm package of the database. */
export const installCommand = ({ dialect }: Pick<AppsDatabase, 'dialect'>): string =>
  `npm install ${dialect === 'mysql' ? 'mysql2' : 'pg'}`;

const MOST_CHARS = 200;

export function failureOf(error: unknown, options: AppsDatabase): DatabaseFailure {
  if (error instanceof DatabaseFailure) return error;
  const ofTls = tlsFailure(error, options);
  const reason = error instanceof TimedOut ? 'timeout' : ofTls === undefined ? reasonOf(error) : 'tls';
  const words = wordsOf(error, options);
  const text = ofTls ?? ADVICE[reason]?.(options, words) ?? words;
  return new DatabaseFailure(reason, `${describeDatabase(options)}: ${text}`, error);
}

function reasonOf(error: unknown): FailureReason {
  const { code, syscall, message = '' } = error as { code?: unknown; syscall?: unknown; message?: string };
  if (typeof code === 'string' && Object.hasOwn(BY_CODE, code)) return BY_CODE[code] ?? 'other';
  if (/timeout|timed out/i.test(message)) return 'timeout';
  const isOfNetwork =
    syscall !== undefined || /^(E[A-Z]+|PROTOCOL_CONNECTION_LOST|08\w{3}|57P\d\d)$/.test(String(code));
  return isOfNetwork || /connection|closed state/i.test(message) ? 'unreachable' : 'other';
}

/** A driver never puts the password into its message; should one do it, it is cut out. */
function wordsOf(error: unknown, { password }: AppsDatabase): string {
  const { message = '', code = '' } = error as { message?: string; code?: string };
  const words = message || code || 'it failed';
  return (password === '' ? words : words.replaceAll(password, '(not shown)')).slice(0, MOST_CHARS);
}
