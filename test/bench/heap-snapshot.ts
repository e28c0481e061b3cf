import { getHeapSnapshot } from 'node:v8';

interface Snapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: string[]; readonly node_types: unknown[][] } };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

export interface Heap {
  /** Number of objects made by a class or function of this name. */
  count(className: string): number;
  /** Number of function objects: closures, bound functions and methods. */
  readonly closures: number;
  /** Strings in the heap that contain `part`. */
  textsWith(part: string): string[];
}

/** Reads the heap of this process: V8 collects garbage before it takes the snapshot. */
export async function readHeap(): Promise<Heap> {
  const chunks: Buffer[] = [];
  for await (const chunk of getHeapSnapshot()) chunks.push(Buffer.from(chunk as Buffer));
  const { snapshot, nodes, strings } = JSON.parse(Buffer.concat(chunks).toString()) as Snapshot;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [typeAt, nameAt] = [fields.indexOf('type'), fields.indexOf('name')];
  const objects = new Map<string, number>();
  const texts: string[] = [];
  let closures = 0;
  for (let node = 0; node < nodes.length; node += fields.length) {
    const type = types[typeAt]?.[nodes[node + typeAt]!];
    const name = strings[nodes[node + nameAt]!]!;
    if (type === 'object') objects.set(name, (objects.get(name) ?? 0) + 1);
    else if (type === 'closure') closures += 1;
    else if (String(type).endsWith('string')) texts.push(name);
  }
  return {
    count: (className) => objects.get(className) ?? 0,
    closures,
    textsWith: (part) => texts.filter((text) => text.includes(part)),
  };
}
