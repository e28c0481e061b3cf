/** Turns the text of a setting into its value; `undefined` when the text is not what is expected. */
export interface SettingType<T> {
  readonly expected: string;
  /** White space at the ends belongs to the value, as in a password. */
  readonly exact?: boolean;
  parse(text: string): T | undefined;
  /** The part of a list that is not what is expected, to name it alone. */
  wrongPart?(text: string): string | undefined;
}

/** A setting: a variable, or a key of an app in JSON. */
export interface Setting<T> {
  /** The environment variable. */
  readonly name: string;
  /** Its key in the JSON of an app, as Reverb's `config/reverb.php` calls it. */
  readonly key?: string;
  readonly type: SettingType<T>;
  /** Text of the default; empty: there is none. */
  readonly fallback: string;
  readonly doc: string;
}

/** A setting of an app: a variable for the one app of the environment, a key for apps in JSON. */
export const appSetting = <T>(
  name: string,
  key: string,
  type: SettingType<T>,
  fallback: unknown,
  doc: string,
): Setting<T> => ({
  name,
  key,
  type,
  fallback: String(fallback),
  doc,
});

export type Settings = Readonly<Record<string, Setting<unknown>>>;
export type Values<S extends Settings> = {
  readonly [Name in keyof S]: S[Name] extends Setting<infer T> ? T : never;
};

/** Source of the texts of settings, such as the environment. A setting that is not set is `undefined`. */
export interface SettingSource {
  /** Returns the name of a setting for error messages. */
  nameOf(setting: Setting<unknown>): string;
  textOf(setting: Setting<unknown>): string | undefined;
}

/** All problems of the configuration at once: one line for each setting. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** Sentences of an error for the operator: each problem of the configuration, or its message. */
export const problemsOf = (error: unknown): readonly string[] =>
  error instanceof ConfigError ? error.problems : [(error as Error).message];

/** Reads every setting. An invalid value is added to `problems`, and the default is used. */
export function readSettings<S extends Settings>(
  settings: S,
  source: SettingSource,
  problems: string[],
): Values<S> {
  const entries = Object.entries(settings).map(([name, setting]) => [
    name,
    readSetting(setting, source, problems),
  ]);
  return Object.freeze(Object.fromEntries(entries)) as Values<S>;
}

function readSetting(setting: Setting<unknown>, source: SettingSource, problems: string[]): unknown {
  const plainText = source.textOf(setting);
  const given =
    plainText === undefined
      ? undefined
      : setting.type.parse(setting.type.exact ? plainText : plainText.trim());
  if (plainText !== undefined && given === undefined) {
    problems.push(
      `${source.nameOf(setting)}=${shownValue(setting, setting.type.wrongPart?.(plainText) ?? plainText)}: expected ${setting.type.expected}`,
    );
  }
  return given ?? setting.type.parse(setting.fallback);
}

const shownValue = ({ name }: Setting<unknown>, text: string): string =>
  /SECRET(?!_OVERLAP)|TOKEN|PASSWORD|PASSPHRASE|^WAVEHALL_APPS$|CREDENTIALS/.test(name)
    ? '(not shown)'
    : shownText(text);

/** A text for a message: short, and without the user and the password of a URL. */
export const shownText = (text: string): string =>
  JSON.stringify(text.replace(/^([a-z][\w+.-]*:\/\/)?[^]*@/i, '$1(not shown)@').slice(0, 100));

/** Words that Laravel reads as null or empty: such a variable counts as not set. */
const EMPTY_WORDS = new Set(['', 'null', '(null)', 'empty', '(empty)']);

/** Reads a text as Laravel's `env()` does: `undefined` for `EMPTY_WORDS`, else the text without quotes around all of it. */
export function laravelText(text: string): string | undefined {
  if (EMPTY_WORDS.has(text.toLowerCase())) return undefined;
  return /^(['"])([^\n]*)\1$/.exec(text)?.[2] ?? text;
}

export type Variables = Readonly<Record<string, string | undefined>>;

/** Returns the text of a variable as `env()` gives it to Laravel, with its white space; `undefined` when it is blank. */
export function textIn(variables: Variables, name: string): string | undefined {
  const text = laravelText(variables[name] ?? '');
  return text === undefined || text.trim() === '' ? undefined : text;
}

/** Settings from environment variables. */
export const environmentSource = (variables: Variables): SettingSource => ({
  nameOf: ({ name }) => name,
  textOf: ({ name }) => textIn(variables, name),
});

const BOOLEAN_WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  '(true)': true,
  1: true,
  on: true,
  yes: true,
  false: false,
  '(false)': false,
  0: false,
  off: false,
  no: false,
};

export const boolean: SettingType<boolean> = {
  expected: 'true or false',
  parse: (text) => BOOLEAN_WORDS[text.toLowerCase()],
};

export const text: SettingType<string> = { expected: 'a text', parse: (given) => given };

/** A text in which white space at the ends matters. */
export const secret: SettingType<string | undefined> = {
  expected: 'a text',
  exact: true,
  parse: (given) => given || undefined,
};

/** A text that may be absent. */
export const optionalText: SettingType<string | undefined> = {
  expected: 'a text',
  parse: (given) => given || undefined,
};

export const integer = (least: number, most = Number.MAX_SAFE_INTEGER): SettingType<number> => ({
  expected:
    most === Number.MAX_SAFE_INTEGER
      ? `a whole number from ${least}`
      : `a whole number from ${least} to ${most}`,
  parse(given) {
    const value = /^\d{1,15}$/.test(given) ? Number(given) : undefined;
    return value !== undefined && value >= least && value <= most ? value : undefined;
  },
});

/** A limit: 0 or nothing is "no limit". */
export const limit = integer(0);

export const list: SettingType<readonly string[]> = {
  expected: 'a list separated by commas',
  parse: (given) =>
    given
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
};

export const oneOf = <T extends string>(...words: readonly T[]): SettingType<T> => ({
  expected: `one of ${words.join(', ')}`,
  parse: (given) => words.find((word) => word === given),
});

/** A setting of the server. */
export const setting = <T>(
  name: string,
  type: SettingType<T>,
  fallback: unknown,
  doc: string,
): Setting<T> => ({
  name,
  type,
  fallback: String(fallback),
  doc,
});
