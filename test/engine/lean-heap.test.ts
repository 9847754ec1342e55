import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** V8 says on stderr, from C++, when it does not know a flag: only a process of its own shows it. */
function setIn(traces: number): { readonly status: number | null; readonly stderr: string; readonly stdout: string } {
  const source = `
    const v8 = require('node:v8');
    const set = [];
    const real = v8.setFlagsFromString;
    v8.setFlagsFromString = (flag) => { set.push(flag); real(flag); };
    require('node:module').syncBuiltinESMExports();
    import('./dist/engine/lean-heap.js').then(({ keepHeapLean }) => {
      keepHeapLean(${traces});
      process.stdout.write(JSON.stringify(set));
    });`;
  return spawnSync(process.execPath, ['-e', source], { encoding: 'utf8' });
}

describe('the lean heap', () => {
  it('uses flags that this version of Node knows', () => {
    const { status, stderr, stdout } = setIn(25_000);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toHaveLength(2);
  });

  it('leaves the heap of a few traces alone', () => {
    expect(JSON.parse(setIn(16).stdout)).toEqual([]);
  });
});
