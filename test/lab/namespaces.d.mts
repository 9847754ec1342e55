/** How commands that handle namespaces reach the kernel. */
export interface Privilege {
  readonly kind: 'root' | 'user-namespace';
  /** argv prefix of every such command. */
  readonly enter: readonly string[];
  release(): void;
}

/** Rejects with `LAB_MISSING_TOOL` or `LAB_NO_PRIVILEGE`, saying what to do about it. */
export function acquirePrivilege(kind?: Privilege['kind']): Promise<Privilege>;
/** A name that no other lab has: `pdmlab-<pid>-<start time>-<random>`. */
export function uniqueLabName(): string;
/** Deletes the namespaces, processes and files of labs whose owner is gone, and says which. */
export function removeLeftovers(): { namespaces: string[]; directories: string[] };
export function deleteNamespaces(enter: readonly string[], names: readonly string[]): void;
export function labError(code: string, message: string, cause?: unknown): Error & { code: string };
/** `PATH` with the directories of administration tools. */
export function searchPath(): string;
