// States of widgets as one message carries them: their buffers lie behind each other, and go back to where they belong.

export type Path = (string | number)[];
/** A widget's id, what changed, where buffers belong in it, and how many there are. */
export type Packed = [string, Record<string, unknown>, Path[], number];

/** Put every buffer where it belongs, and forget whose turn it was: [id, state] of each widget. */
export function unpackStates(packed: Packed[], buffers: DataView[]): [string, Record<string, unknown>][] {
  let next = 0;
  return packed.map(([id, state, paths, count]) => {
    paths.forEach((path, i) => put(state, path, buffers[next + i]!));
    next += count;
    return [id, state];
  });
}

function put(state: any, path: Path, buffer: DataView) {
  const place = path.slice(0, -1).reduce((inner, name) => inner[name], state);
  place[path[path.length - 1]!] = buffer;
}
