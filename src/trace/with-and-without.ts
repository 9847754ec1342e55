/** `0 of 12 with, 12 of 12 without`: how a rate is said everywhere. Packets with the option, packets without it, and pairs. */
export function withAndWithout(pdm: number, plain: number, pairs: number): string {
  return `${pdm} of ${pairs} with, ${plain} of ${pairs} without`;
}
