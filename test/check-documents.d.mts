export interface Documents {
  /** Source files' texts by path. */
  readonly sources: Readonly<Record<string, string>>;
  /** Paths of the claims' tests. */
  readonly tests: readonly string[];
  readonly method: string;
  readonly record: string;
  readonly schema: unknown;
}

/** One sentence for each thing that is missing. */
export function faultsOf(documents: Documents): string[];
export function readDocuments(root: string): Documents;
