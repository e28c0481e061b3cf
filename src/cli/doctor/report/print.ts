import { styleText } from 'node:util';
import type { Finding, Fix, Severity } from './finding.ts';
import type { Report } from './report.ts';

const MARKS: Readonly<Record<Severity, string>> = {
  error: 'error',
  warning: 'warning',
  ok: 'ok',
  skipped: 'skipped',
};
const STYLES = { error: 'red', warning: 'yellow', ok: 'green', skipped: 'gray' } as const;
const MARK_WIDTH = 9;

/** The report as a list for people: what is in order on one line each, what is not with its meaning and its change. */
export function printReport(report: Report, { colour }: { readonly colour: boolean }): string {
  const { findings, errors, warnings } = report;
  const width = Math.max(...findings.map(({ name }) => name.length)) + 2;
  const lines = findings.flatMap((finding) => linesOf(finding, width, colour));
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
  const address = [
    ...(report.publishUrl === null ? [] : [`  Laravel publishes to   ${report.publishUrl}`]),
    ...(report.publicUrl === null ? [] : [`  Browsers connect to    ${report.publicUrl}`]),
  ];
  return `${[...address, '', ...lines, '', `  ${count(errors, 'error')}, ${count(warnings, 'warning')}`].join('\n')}\n`;
}

function linesOf({ name, severity, message, means, fix }: Finding, width: number, colour: boolean): string[] {
  const mark = MARKS[severity].padEnd(MARK_WIDTH);
  const indent = ' '.repeat(2 + MARK_WIDTH + width);
  const first = `  ${colour ? styleText(STYLES[severity], mark) : mark}${name.padEnd(width)}${oneLine(message)}`;
  return [
    first,
    ...(means === undefined ? [] : [`${indent}${means}`]),
    ...fixLines(fix).map((line) => `${indent}${line}`),
  ];
}

function fixLines(fix: Fix | undefined): string[] {
  if (fix === undefined) return [];
  const { file, lineNumber, line, run } = fix;
  const place = file === undefined ? '' : `${file}${lineNumber === undefined ? '' : `:${lineNumber}`}  `;
  return [
    ...(line === undefined && place === '' ? [] : [`Change: ${oneLine(place + (line ?? ''))}`]),
    ...(run === undefined ? [] : [`Run:    ${oneLine(run)}`]),
  ];
}

/** Removes control characters, so that foreign text cannot write over the terminal. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]/gu, ' ').trim();
