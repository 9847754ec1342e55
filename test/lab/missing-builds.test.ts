/** Either transport works without the other's compiled part; without both, it is said what to install. */
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { TraceRecord } from '../../src/record/record.js';
import { createLab } from './lab.mjs';
import type { Lab } from './lab-types.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Where each package is, and what of it is compiled. */
const COMPILED = {
  'raw-socket': { package: 'node_modules/raw-socket', build: 'build' },
  'pdm-native-shim': { package: 'native-shim', build: 'build' },
} as const;
type Compiled = keyof typeof COMPILED;

/** This checkout, built, of which these packages lack their compiled part. Returns its main program. */
function installationWithout(folder: string, missing: readonly Compiled[]): string {
  const modules = join(folder, 'node_modules');
  mkdirSync(modules, { recursive: true });
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  const isMissing = (name: string): name is Compiled => missing.some((each) => each === name);
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (isMissing(name)) {
      const { package: path, build } = COMPILED[name];
      const source = join(ROOT, path);
      cpSync(source, join(modules, name), {
        recursive: true,
        dereference: true,
        filter: (file) => file !== join(source, build),
      });
    } else symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  return join(folder, 'dist/cli/main.js');
}

async function withMissing(
  missing: readonly Compiled[],
  use: (lab: Lab, main: string) => Promise<void>,
): Promise<void> {
  const lab = await createLab('delivered-8');
  const folder = join(lab.directory, 'installation');
  try {
    await use(lab, installationWithout(folder, missing));
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await lab.destroy();
  }
}

const BUILDS = 'g++ make python3';

describe.concurrent('without the compiled part of', () => {
  for (const [missing, left, warns] of [
    [
      'pdm-native-shim',
      'raw-socket',
      /^warn other +native cannot be used: .*g\+\+ make python3.*would see what raw-socket loses$/m,
    ],
    ['raw-socket', 'native', /^ok +other +raw-socket cannot be used: .*g\+\+ make python3.*nothing is lost/m],
  ] as const) {
    it(`${missing}, ${left} measures and doctor says what is lost`, () =>
      withMissing([missing], async (lab, main) => {
        const doctor = await lab.exec('source', [process.execPath, main, 'doctor', '--offline'], { timeoutMs: 30_000 });
        expect(doctor.code, doctor.stdout).toBe(0);
        expect(doctor.stdout).toMatch(new RegExp(`^ok +transport +${left} .*it loses`, 'm'));
        expect(doctor.stdout).toMatch(warns);
        const argv = [process.execPath, main, '--json', '--no-dns', '--protocol', 'icmp6', lab.targetAddress];
        const { code, stdout, stderr } = await lab.exec('source', argv, { timeoutMs: 60_000 });
        expect(code, stderr).toBe(0);
        expect((JSON.parse(stdout) as TraceRecord).tool.transport).toBe(left);
      }));
  }

  it('both, the exit code is 69 and the message names what to install', () =>
    withMissing(['raw-socket', 'pdm-native-shim'], async (lab, main) => {
      const argv = [process.execPath, main, '--json', '--no-dns', lab.targetAddress];
      const trace = await lab.exec('source', argv, { timeoutMs: 30_000 });
      expect([trace.code, trace.stdout]).toEqual([69, '']);
      expect(trace.stderr.trimEnd().split('\n')).toHaveLength(1);
      expect(trace.stderr).toContain(BUILDS);
      const doctor = await lab.exec('source', [process.execPath, main, 'doctor', '--offline'], { timeoutMs: 30_000 });
      expect(doctor.code).toBe(69);
      expect(doctor.stdout).toMatch(/^fail transport .*g\+\+ make python3/m);
    }));

  for (const transport of ['native', 'raw-socket']) {
    it(`both, asking for ${transport} says the same`, () =>
      withMissing(['raw-socket', 'pdm-native-shim'], async (lab, main) => {
        const argv = [process.execPath, main, '--json', '--no-dns', '--transport', transport, lab.targetAddress];
        const { code, stderr } = await lab.exec('source', argv, { timeoutMs: 30_000 });
        expect([code, stderr.includes(BUILDS)]).toEqual([69, true]);
      }));
  }
});
