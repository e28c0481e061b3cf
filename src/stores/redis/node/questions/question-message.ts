/** Question of a node to all others (SPEC 16.4). */
export interface QuestionMessage {
  /** The node that asks: its answers are sent to the channel of this name. */
  readonly from: string;
  /** Identifies the installation: others may share the Redis. */
  readonly scope: string;
  readonly number: number;
  readonly question: unknown;
}

/** Answer to one of them. */
export interface AnswerMessage {
  /** The name of its lease. */
  readonly from: string;
  readonly scope: string;
  readonly number: number;
  readonly answer: unknown;
}

export const LONGEST_QUESTION_BYTES = 8192;
export const LONGEST_ANSWER_BYTES = 256 * 1024;
/** Raised by a change that older nodes would misunderstand; a further field is none. */
const VERSION = 1;
const LONGEST_NAME = 64;
const NAME = /^[\w-]+$/;

export const encodeMessage = (message: QuestionMessage | AnswerMessage): string =>
  JSON.stringify({ version: VERSION, ...message });

/** Decodes a message of a node of any version. `'newer'`: this version cannot understand it. `undefined`: no node sends such. */
export function decodeQuestion(bytes: Buffer): QuestionMessage | 'newer' | undefined {
  const fields = fieldsOf(bytes, LONGEST_QUESTION_BYTES);
  if (fields === undefined || fields === 'newer') return fields;
  const head = headOf(fields);
  return head && fields.question !== undefined ? { ...head, question: fields.question } : undefined;
}

/** The same for an answer. */
export function decodeAnswer(bytes: Buffer): AnswerMessage | 'newer' | undefined {
  const fields = fieldsOf(bytes, LONGEST_ANSWER_BYTES);
  if (fields === undefined || fields === 'newer') return fields;
  const head = headOf(fields);
  return head && fields.answer !== undefined ? { ...head, answer: fields.answer } : undefined;
}

function fieldsOf(bytes: Buffer, mostBytes: number): Record<string, unknown> | 'newer' | undefined {
  if (bytes.length > mostBytes) return undefined;
  try {
    const { version, ...fields } = JSON.parse(bytes.toString()) as Record<string, unknown>;
    if (!isCount(version) || version < VERSION) return undefined;
    return version > VERSION ? 'newer' : fields;
  } catch {
    return undefined;
  }
}

function headOf({ from, scope, number }: Record<string, unknown>) {
  const isName = typeof from === 'string' && from.length <= LONGEST_NAME && NAME.test(from);
  return isName && typeof scope === 'string' && isCount(number) ? { from, scope, number } : undefined;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
