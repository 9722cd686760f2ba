// The pages of a book: which values the widgets have for every choice of the menus; each value is stored once.

type Path = (string | number)[];
type Value = [Record<string, unknown>, [Path, number, number][]];

interface Table {
  keys: [string, string][];
  values: Value[];
  pages: Record<string, number[]>;
}

export interface Opened extends Table {
  blob: ArrayBuffer;
  /** The value that each key has now; nothing before the first page has been opened. */
  now: number[];
}

/** Unpack what `bind` has written in the kernel. */
export async function open(packed: DataView): Promise<Opened> {
  const stream = new Blob([packed as unknown as BlobPart]).stream().pipeThrough(new DecompressionStream("gzip"));
  return read(await new Response(stream).arrayBuffer());
}

export function read(bytes: ArrayBuffer): Opened {
  const length = new DataView(bytes).getUint32(0, true);
  const table = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length))) as Table;
  return { ...table, blob: bytes.slice(4 + length), now: [] };
}

/** What has to change so that the page of this choice lies open: [widget's id, state]. */
export function changesTo(book: Opened, choice: number[]): [string, Record<string, unknown>][] {
  const page = book.pages[choice.join()];
  const states = new Map<string, Record<string, unknown>>();
  page?.forEach((number, i) => {
    if (number < 0 || number === book.now[i]) return;
    book.now[i] = number;
    const [id, name] = book.keys[i]!;
    if (!states.has(id)) states.set(id, {});
    states.get(id)![name] = valueOf(book, number)[name];
  });
  return [...states];
}

function valueOf(book: Opened, number: number): Record<string, unknown> {
  const [stored, places] = book.values[number]!;
  const state = structuredClone(stored);
  for (const [path, from, length] of places) {
    const place = path.slice(0, -1).reduce((inner: any, name) => inner[name], state);
    place[path[path.length - 1]!] = new DataView(book.blob.slice(from, from + length));
  }
  return state;
}
