import fc from 'fast-check';

/** A legal chain: the kinds of its headers, how many units beyond the least each is long, and what follows. */
export interface Chain {
  readonly headers: readonly { readonly kind: number; readonly units: number }[];
  readonly upperLayer: number;
}

export interface ChainOctets {
  readonly octets: Uint8Array;
  /** Next-header value that leads to the first header, or to the upper layer. */
  readonly first: number;
  readonly headers: readonly { readonly kind: number; readonly offset: number; readonly length: number }[];
}

const part = fc.record({ kind: fc.constantFrom(43, 44, 51, 60, 60, 135, 139, 140), units: fc.nat(3) });
const hopByHop = fc.option(
  fc.nat(3).map((units) => ({ kind: 0, units })),
  { nil: undefined },
);

export const arbitraryChain: fc.Arbitrary<Chain> = fc.record({
  headers: fc
    .tuple(hopByHop, fc.array(part, { maxLength: 8 }))
    .map(([first, rest]) => (first === undefined ? rest : [first, ...rest])),
  upperLayer: fc.constantFrom(6, 17, 58, 59, 50, 200),
});

/** Fragment headers are those of first fragments, so that the chain goes on; options areas hold one PadN each. */
export function chainOctets({ headers, upperLayer }: Chain): ChainOctets {
  const octets: number[] = [];
  const placed = headers.map(({ kind, units }, index) => {
    const offset = octets.length;
    const length = kind === 44 ? 8 : kind === 51 ? (units + 2) * 4 : (units + 1) * 8;
    const header = new Array<number>(length).fill(0);
    header[0] = headers[index + 1]?.kind ?? upperLayer;
    if (kind === 44) header[3] = 1;
    else header[1] = units;
    if (kind === 0 || kind === 60) header.splice(2, 2, 1, length - 4);
    octets.push(...header);
    return { kind, offset, length };
  });
  return { octets: Uint8Array.from(octets), first: headers[0]?.kind ?? upperLayer, headers: placed };
}
