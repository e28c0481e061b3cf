/** Letters that `Str::slug` writes with others, and that no accent makes. */
const LETTERS: Readonly<Record<string, string>> = {
  ...{ æ: 'ae', œ: 'oe', ß: 'ss', þ: 'th' },
  ...{ ð: 'd', đ: 'd', ħ: 'h', ı: 'i', ł: 'l', ŋ: 'n', ø: 'o', ŧ: 't' },
  ...{ '–': '-', '—': '-' },
};

/**
 * Turns a text into what Laravel's `Str::slug` makes of it. Exact for Latin letters of European languages; of other scripts, which
 * Laravel transliterates, nothing is left.
 */
export const slug = (text: string, separator: '_' | '-'): string =>
  text
    .toLowerCase()
    .normalize('NFD')
    .replace(/[^\0-\x7f]/gu, (letter) => LETTERS[letter] ?? (/\s/u.test(letter) ? ' ' : ''))
    .replaceAll(separator === '-' ? '_' : '-', separator)
    .replaceAll('@', `${separator}at${separator}`)
    .replace(/[^a-z0-9\s_-]/g, '')
    .replace(/[\s_-]+/g, separator)
    .replace(/^[_-]+|[_-]+$/g, '');
