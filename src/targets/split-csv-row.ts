/**
 * The cells of one CSV row (RFC 4180), spaces around unquoted cells trimmed, or what is wrong. A row is a line: a quote
 * left open ends with it and spoils one row, not the rest of the list, which is why no general CSV parser is used.
 */
export function splitCsvRow(line: string): string[] | { readonly reason: string } {
  if (!line.includes('"')) return line.split(',').map((cell) => cell.trim());
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    while (line[at] === ' ' || line[at] === '\t') at += 1;
    if (line[at] === '"') {
      let cell = '';
      let from = at + 1;
      for (;;) {
        const quote = line.indexOf('"', from);
        if (quote < 0) return { reason: 'a quote is not closed; write a quote inside quotes twice' };
        cell += line.slice(from, quote);
        if (line[quote + 1] !== '"') {
          at = quote + 1;
          break;
        }
        cell += '"';
        from = quote + 2;
      }
      while (line[at] === ' ' || line[at] === '\t') at += 1;
      if (at < line.length && line[at] !== ',')
        return { reason: 'text after a closing quote; separate cells with commas' };
      cells.push(cell.trim());
    } else {
      const comma = line.indexOf(',', at);
      const end = comma < 0 ? line.length : comma;
      const cell = line.slice(at, end);
      if (cell.includes('"')) return { reason: 'a quote in the middle of a cell; put the whole cell in quotes' };
      cells.push(cell.trim());
      at = end;
    }
    if (at >= line.length) return cells;
    at += 1;
  }
}
