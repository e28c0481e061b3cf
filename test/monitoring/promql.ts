/** Names in an expression of PromQL. Prometheus itself checks the grammar. */

const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'by', 'on', 'without', 'ignoring']);

export interface Names {
  /** Each metric with the labels that select its series. */
  readonly selectors: readonly { readonly metric: string; readonly labels: readonly string[] }[];
  /** Labels by which the expression groups or joins. */
  readonly grouping: readonly string[];
}

/** The metrics and labels that an expression names. */
export function namesIn(expression: string): Names {
  const grouping: string[] = [];
  const rest = expression
    .replaceAll(/"[^"]*"/g, '""')
    .replaceAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g, (_, labels: string) => {
      grouping.push(...(labels.match(/\w+/g) ?? []));
      return ' ';
    })
    .replaceAll(/\[[^\]]*\]|\boffset \w+|\b\d[\d.]*\b/g, ' ');
  const selectors = [...rest.matchAll(/(?<![\w:])([a-zA-Z_:][\w:]*)(?![\w:]|\s*\()\s*(?:\{([^}]*)\})?/g)];
  const found = selectors
    .map(([, metric = '', labels = '']) => ({ metric, labels: labels.match(/\w+(?=[=!])/g) ?? [] }))
    .filter(({ metric }) => !WORDS.has(metric));
  // A label inside of braces is matched with them, not as a metric.
  return { selectors: found, grouping };
}
