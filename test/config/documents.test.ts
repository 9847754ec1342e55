import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { loadSettings } from '../../src/config/load-settings.js';
import {
  daemonJsonSchema,
  defaultSettingsYaml,
  recordJsonSchema,
  settingsJsonSchema,
} from '../../src/config/settings-documents.js';
import { SETTING_KEYS, defaultSettings, settingOf } from '../../src/config/settings.js';

// For busy machines: nothing here takes more than a second on an idle one.
vi.setConfig({ testTimeout: 60_000 });

function pathOf(name: string): string {
  return fileURLToPath(new URL(`../../config/${name}`, import.meta.url));
}

// UPDATE_SCHEMAS=1 writes the files instead of comparing them.
const update = process.env.UPDATE_SCHEMAS === '1';

async function published(name: string, text: string): Promise<string> {
  const formatted = name.endsWith('.json') ? await format(text, { parser: 'json', printWidth: 120 }) : text;
  if (update) writeFileSync(pathOf(name), formatted);
  return formatted;
}

describe('the files in config/', () => {
  it.each([
    ['settings.schema.json', () => JSON.stringify(settingsJsonSchema(), null, 2)],
    ['daemon.schema.json', () => JSON.stringify(daemonJsonSchema(), null, 2)],
    ['record.schema.json', () => JSON.stringify(recordJsonSchema(), null, 2)],
    ['default.yaml', defaultSettingsYaml],
  ])('%s is what the code makes (else run this with UPDATE_SCHEMAS=1)', async (name, make) => {
    expect(readFileSync(pathOf(name), 'utf8')).toBe(await published(name, make()));
  });

  it('default.yaml has every setting at its default', () => {
    const inFile = SETTING_KEYS.filter((key) => settingOf(key).notInFile !== true);
    const expected = Object.fromEntries(inFile.map((key) => [key, defaultSettings()[key]]));
    expect(parse(readFileSync(pathOf('default.yaml'), 'utf8'))).toEqual(expected);
  });

  it('have the numbers that docs/RECORD.md gives for the defaults of flags', () => {
    const page = readFileSync(new URL('../../docs/RECORD.md', import.meta.url), 'utf8');
    const values = Object.entries(defaultSettings()).filter(([, value]) => typeof value === 'number');
    const given = values.flatMap(([key, value]) => {
      const flag = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      const row = new RegExp(`^\\| \`--${flag} [^|]*\\| trace, run \\| ([^|]*) \\|`, 'm').exec(page)?.[1];
      return row === undefined ? [] : [[flag, row.replace(/^trace: ([\d.]+), .*/, '$1'), String(value)]];
    });
    expect(given.map(([flag]) => flag)).toEqual(
      expect.arrayContaining(['rate', 'hop-interval', 'timeout', 'max-hops']),
    );
    for (const [flag, inPage, inCode] of given) expect([flag, inPage]).toEqual([flag, inCode]);
  });

  it('default.yaml loads, and changes nothing', () => {
    for (const command of ['trace', 'run'] as const) {
      const without = loadSettings({ command, env: {}, flags: {} });
      const loaded = loadSettings({ command, env: {}, flags: {}, file: pathOf('default.yaml') });
      expect(loaded.settings).toEqual(without.settings);
    }
  });

  it('every example in default.yaml is possible', () => {
    const text = readFileSync(pathOf('default.yaml'), 'utf8');
    const examples = [...text.matchAll(/^# e\.g\. (.*)$/gm)].map((match) => match[1]!);
    expect(examples.length).toBeGreaterThan(5);
    for (const example of examples) {
      const [key, value] = Object.entries(parse(example) as Record<string, unknown>)[0]!;
      expect(settingOf(SETTING_KEYS.find((known) => known === key)!).schema.safeParse(value).success, example).toBe(
        true,
      );
    }
  });
});
