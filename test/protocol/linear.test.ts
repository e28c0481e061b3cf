import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { expect, test } from 'vitest';

const folder = new URL('../../protocol/', import.meta.url);
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);

/** The regular expressions of a file: literals, and templates given to `new RegExp`. */
function expressionsOf(node: ts.Node): string[] {
  if (ts.isRegularExpressionLiteral(node)) return [node.text.replace(/^\/|\/[a-z]*$/g, '')];
  const own =
    ts.isNewExpression(node) && node.expression.getText() === 'RegExp'
      ? [(node.arguments?.[0]?.getText() ?? '').slice(1, -1)]
      : [];
  return [...own, ...node.getChildren().flatMap(expressionsOf)];
}

const expressions = files.flatMap((file) => {
  const text = readFileSync(new URL(file, folder), 'utf8');
  return expressionsOf(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
});

/** `source` with an x for each class and escape, and without counted repetitions. */
const bones = (source: string): string =>
  source
    .replace(/\\[pP]\{\w+\}|\\./g, 'x')
    .replace(/\[[^\]]*\]/g, 'x')
    .replace(/\{\d+(,\d+)?\}/g, '');

test('3.2 finds the regular expressions of the protocol', () => {
  expect(expressions).toContain('^\\d+\\.\\d+$');
  expect(expressions.some((source) => source.startsWith('^#?[-a-zA-Z0-9_=@,.;'))).toBe(true);
  expect(expressions.length).toBeGreaterThan(8);
});

test.each(expressions)('3.2 %s has no nested and no adjacent repetitions', (source) => {
  expect(bones(source)).not.toMatch(/[+*][^()]*\)[+*{]/);
  expect(bones(source)).not.toMatch(/x[+*]x?[+*]/);
});
