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
/** Whether a file of this name and text is the test of a claim. */
export function isTestOf(file: string, text: string): boolean;
export function readDocuments(root: string): Documents;
