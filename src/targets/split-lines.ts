/** One line of a file. `overlong`: more than `limit` octets; `text` is then only its beginning. */
export interface Line {
  readonly number: number;
  readonly text: string;
  readonly overlong: boolean;
}

/**
 * Lines of a stream of octets, in batches, holding no more than one chunk and one line: LF or CRLF ends one, a byte order
 * mark at the start is dropped, octets that are not UTF-8 become U+FFFD.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array | string>, limit: number): AsyncGenerator<Line[]> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  let overlong = false;
  let number = 0;
  for await (const chunk of chunks) {
    const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines: Line[] = [];
    let from = 0;
    for (let to = text.indexOf('\n'); to >= 0; to = text.indexOf('\n', from)) {
      number += 1;
      lines.push(lineOf(number, rest + text.slice(from, to), overlong, limit));
      rest = '';
      overlong = false;
      from = to + 1;
    }
    if (!overlong) rest += text.slice(from);
    if (rest.length > limit) {
      overlong = true;
      rest = rest.slice(0, limit);
    }
    yield lines;
  }
  rest += decoder.decode();
  if (rest !== '' || overlong) yield [lineOf(number + 1, rest, overlong, limit)];
}

function lineOf(number: number, text: string, overlong: boolean, limit: number): Line {
  const end = text.endsWith('\r') ? text.length - 1 : text.length;
  return { number, text: text.slice(0, Math.min(end, limit)), overlong: overlong || end > limit };
}
