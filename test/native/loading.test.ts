import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const shim = fileURLToPath(new URL('../../native-shim/', import.meta.url));
const modules = fileURLToPath(new URL('../../node_modules/', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pdm-native-shim-'));
  for (const file of ['package.json', 'index.cjs', 'not-built.cjs']) cpSync(join(shim, file), join(folder, file));
  symlinkSync(modules, join(folder, 'node_modules'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function evaluate(script: string): { status: number | null; output: string } {
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    cwd: folder,
    env: { ...process.env, PDM_NATIVE_SHIM_PREBUILD: undefined }, // the sanitizers' binary
  });
  return { status, output: stdout.trim() };
}

describe('the addon', () => {
  it('gives an ES module all the names of its description', () => {
    const declared = [
      ...readFileSync(join(shim, 'index.d.ts'), 'utf8').matchAll(/^export (?:const|function|class) (\w+)/gm),
    ];
    const { output } = evaluate(
      `const { default: whole, ...names } = await import(${JSON.stringify(join(shim, 'index.cjs'))}); console.log(Object.entries(names).filter(([, value]) => value !== undefined).map(([name]) => name).sort().join())`,
    );
    expect(output.split(',').filter((name) => name !== 'module.exports')).toEqual(
      declared.map(([, name]) => name).sort(),
    );
  });

  it('that is not built says so with a code and a remedy', () => {
    const { output } = evaluate(`import('./index.cjs').catch(({ code, message }) => console.log(code, message))`);
    expect(output).toMatch(/^ERR_NATIVE_SHIM_NOT_BUILT .*g\+\+ make python3/);
  });

  it('that was built from other sources is refused', () => {
    const binary = join(folder, 'build/Release');
    mkdirSync(binary, { recursive: true });
    cpSync(join(shim, 'build/Release/pdm_native_shim.node'), join(binary, 'pdm_native_shim.node'));
    writeFileSync(
      join(folder, 'index.cjs'),
      readFileSync(join(shim, 'index.cjs'), 'utf8').replace(/SURFACE = \d+/, 'SURFACE = 999999'),
    );
    const { output } = evaluate(`import('./index.cjs').catch(({ code, message }) => console.log(code, message))`);
    expect(output).toMatch(/^ERR_NATIVE_SHIM_STALE .*npm run build:native/);
  });

  it('whose build fails does not fail the install, and says what to install', () => {
    const { scripts } = JSON.parse(readFileSync(join(shim, 'package.json'), 'utf8')) as {
      scripts: { install: string };
    };
    rmSync(join(folder, 'build'), { recursive: true, force: true });
    const commands = join(folder, 'commands');
    mkdirSync(commands);
    writeFileSync(join(commands, 'node-gyp'), '#!/bin/sh\necho no compiler; exit 1\n', { mode: 0o755 });
    const { status, stdout, stderr } = spawnSync('sh', ['-c', scripts.install], {
      encoding: 'utf8',
      cwd: folder,
      env: { PATH: [commands, join(modules, '.bin'), process.env['PATH']].join(':') },
    });
    expect([status, stdout]).toEqual([0, 'no compiler\n']);
    expect(stderr).toContain('apt-get install g++ make python3');
  });
});
