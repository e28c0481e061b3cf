import { Linter } from 'eslint';
import { describe, expect, test } from 'vitest';
import { docCommentSubject } from '../../scripts/lint/doc-comment-subject.mjs';

const linter = new Linter();

const refused = (text: string): string[] =>
  linter
    .verify(text, {
      plugins: { wavehall: { rules: { 'doc-comment-subject': docCommentSubject } } },
      rules: { 'wavehall/doc-comment-subject': 'error' },
    })
    .map(({ message }) => message);

describe('a doc comment begins with a noun or a verb', () => {
  test.each(['What', 'Who', 'Whoever', 'Whether', 'Nobody', 'Somebody'])('%s is refused', (word) => {
    const message = `A doc comment begins with a noun or a verb, not with '${word}'.`;
    expect(refused(`/** ${word} connects. */\nlet a;`)).toEqual([message]);
    expect(refused(`/**\n * ${word} connects.\n * More.\n */\nlet a;`)).toEqual([message]);
  });

  test.each([
    '/** Counts what connects. */',
    '/** Whole messages only. */',
    '/** Whatsoever. */',
    '/** Counts.\n * What is more, it adds. */',
    '/* What is no doc comment. */',
    '// What a line says.',
    'const text = "/** What a string holds. */";',
  ])('%s passes', (text) => expect(refused(`${text}\nlet a;`)).toEqual([]));
});
