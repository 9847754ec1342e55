import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** For the vitest that runs inside the transport network; see `in-namespaces.ts`. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    name: 'inside',
    include: ['test/transport/**/*.inside.ts'],
    // One process, not a worker thread: raw-socket loads once per process, and effective ids belong to processes.
    pool: 'forks',
    execArgv: ['--expose-gc'],
    testTimeout: 15_000,
    hookTimeout: 15_000,
  },
});
