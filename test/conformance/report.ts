import { GROUPS, groupOf } from './case.ts';
import type { Outcome, Result } from './runner.ts';
import { FORMS } from './case-tools.ts';
import type { Form } from './case-tools.ts';

/** Results of one run, as they are stored in a file. */
export interface Report {
  readonly target: string;
  readonly outcomes: readonly Outcome[];
  /** Ids of the tolerated forms that appeared. */
  readonly forms: readonly string[];
  /** Differences that this run expected, with their reasons. */
  readonly named?: Differences;
}

/** Reasons why cases or forms differ, by their id. */
export type Differences = Readonly<Record<string, string>>;

export interface Verdict {
  readonly unnamed: readonly string[];
  readonly gone: readonly string[];
}

const count = (outcomes: readonly Outcome[], result: Result) =>
  outcomes.filter((each) => each.result === result).length;

export const totals = (outcomes: readonly Outcome[]): string =>
  `${count(outcomes, 'passed')} passed, ${count(outcomes, 'failed')} failed, ${count(outcomes, 'not applicable')} not applicable`;

/** Returns the line of a case in the output. */
export const line = ({ id, rule, title, result, detail, ms }: Outcome, named: Differences): string => {
  if (result === 'passed') return `pass     ${id} ${rule} ${title} (${ms} ms)`;
  if (result === 'not applicable') return `n/a      ${id} ${rule} ${title}: ${detail}`;
  const reason = named[id];
  return `differs  ${id} ${rule} ${title}: ${detail}${reason === undefined ? '' : `\n         named: ${reason}`}`;
};

/** Returns the line of a tolerated form in the output. */
export const formLine = (form: string, named: Differences): string =>
  `form     ${form} ${FORMS[form as Form]}\n         named: ${named[form] ?? ''}`;

/** Compares the differences of a run with the named ones. A case that could not run counts as found. */
export const judge = ({ outcomes, forms }: Report, named: Differences): Verdict => {
  const failed = outcomes.filter(({ result }) => result === 'failed').map(({ id }) => id);
  const notRun = outcomes.filter(({ result }) => result === 'not applicable').map(({ id }) => id);
  const seen = new Set([...failed, ...forms, ...notRun]);
  return {
    unnamed: failed.filter((id) => !Object.hasOwn(named, id)),
    gone: Object.keys(named).filter((id) => !seen.has(id)),
  };
};

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const groupRow = (name: string, reports: readonly Report[]): string => {
  const cells = reports.map(({ outcomes }) => {
    const group = outcomes.filter(({ id }) => groupOf(id) === name);
    const ran = group.filter(({ result }) => result !== 'not applicable');
    const notRun = group.length - ran.length;
    return `${count(ran, 'passed')} of ${ran.length}${notRun ? ` (${notRun} not applicable)` : ''}`;
  });
  return `| ${name} | ${cells.join(' | ')} |`;
};

/** The table for the README: groups of cases, what passes where, and each difference with its reason. */
export const markdown = (reports: readonly Report[]): string => {
  const names = reports.map(({ target }) => target);
  const lines = [
    `| Cases | ${names.join(' | ')} |`,
    `| --- | ${names.map(() => '---').join(' | ')} |`,
    ...Object.values(GROUPS).map((name) => groupRow(name, reports)),
    '',
  ];
  for (const { target, outcomes, forms, named = {} } of reports) {
    const failed = outcomes.filter(({ result }) => result === 'failed');
    if (failed.length + forms.length === 0) continue;
    lines.push(
      `Where ${target} differs:`,
      '',
      '| Case | What the case wants | What happens there |',
      '| --- | --- | --- |',
    );
    for (const form of forms)
      lines.push(`| everywhere | ${FORMS[form as Form]} | ${cell(named[form] ?? '')} |`);
    for (const { id, title, detail } of failed)
      lines.push(`| ${id} | ${cell(title)} | ${cell(named[id] ?? detail)} |`);
    lines.push('');
  }
  return lines.join('\n');
};
