import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import ts from 'typescript';

const ROOT = join(import.meta.dirname, '../..');
/** What children import: the rooms the store needs, and the tests' own children. */
const FOLDERS = [
  ...['src/address', 'src/record', 'src/trace', 'src/targets'],
  ...['src/results', 'src/results/store', 'src/results/files', 'test/results'],
];

export interface CompiledSources {
  readonly directory: string;
  remove(): void;
}

/**
 * JavaScript for processes and threads of their own, which a test must be able to kill and cannot run from TypeScript on
 * Node 20. Types are checked elsewhere. `more`: folders besides those of the store.
 */
export function compileSources(more: readonly string[] = []): CompiledSources {
  const directory = mkdtempSync(join(tmpdir(), 'pdm-compiled-'));
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  for (const folder of [...FOLDERS, ...more]) {
    for (const name of readdirSync(join(ROOT, folder))) {
      if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
      const { outputText } = ts.transpileModule(readFileSync(join(ROOT, folder, name), 'utf8'), {
        compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
      });
      const path = join(directory, folder, name.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, outputText);
    }
  }
  return {
    directory,
    remove: () => {
      rmSync(directory, { recursive: true });
    },
  };
}

export interface Child {
  readonly process: ChildProcess;
  /** The next line of standard output, as JSON. */
  next(): Promise<unknown>;
  /** All lines that are left; resolves when the child has ended. */
  rest(): Promise<unknown[]>;
  /** What it wrote to standard error so far. */
  errors(): string;
}

/**
 * Runs `test/results/<script>` compiled. `namespace`: in a mount namespace of its own, after the shell command `prepare`,
 * so that nothing it mounts outlives it.
 */
export function startChild(
  sources: CompiledSources,
  script: string,
  parameters: readonly string[],
  prepare?: string,
): Child {
  const node = [process.execPath, join(sources.directory, 'test/results', script), ...parameters];
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const command =
    prepare === undefined
      ? node
      : ['unshare', ...asRoot, '--mount', 'sh', '-ec', `${prepare}\nexec "$@"`, 'sh', ...node];
  const child = spawn(command[0] ?? '', command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`the child ended: ${errors}`);
    return JSON.parse(line.value) as unknown;
  };
  return {
    process: child,
    next,
    rest: async () => {
      const all: unknown[] = [];
      for (let line = await lines.next(); line.done !== true; line = await lines.next())
        all.push(JSON.parse(line.value) as unknown);
      return all;
    },
    errors: () => errors,
  };
}
