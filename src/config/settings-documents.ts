import { z } from 'zod';
import { daemonFileSchema } from './daemon-settings.js';
import { traceRecordSchema } from '../record/record-schema.js';
import { SETTING_KEYS, flagOf, settingOf, settingsFileSchema, variableOf } from './settings.js';

/** The files in `config/` are these, written out; a test compares them. */

const DIALECT = 'draft-2020-12';

/** JSON Schema of the settings file. */
export function settingsJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(settingsFileSchema(), { target: DIALECT, io: 'input' });
  return { ...schema, title: 'pdm-trace settings', description: 'Settings file of pdm-trace (YAML or JSON).' };
}

/** JSON Schema of the daemon's settings file. */
export function daemonJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(daemonFileSchema(), { target: DIALECT, io: 'input' });
  return { ...schema, title: 'pdm-trace daemon', description: 'Settings file of pdm-trace daemon (YAML or JSON).' };
}

/** JSON Schema of one record, that is of one line of JSON Lines output. */
export function recordJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(traceRecordSchema, { target: DIALECT, io: 'input' });
  return { ...schema, title: 'pdm-trace/1 record', description: 'One trace: a target and a protocol.' };
}

/** `default.yaml`: every setting at its default, with what it means. */
export function defaultSettingsYaml(): string {
  const lines = [
    '# Every setting of pdm-trace at its default. Flags and environment variables win over the file; keys left out keep',
    '# their default. Relative file names are meant from the working directory.',
    '# yaml-language-server: $schema=settings.schema.json',
  ];
  for (const key of SETTING_KEYS) {
    const setting = settingOf(key);
    if (setting.notInFile === true) continue;
    lines.push(
      '',
      `# ${sentence(setting.describe)}`,
      `# Possible: ${setting.expects} (${flagOf(key)}, ${variableOf(key)})`,
    );
    if (setting.default === null) lines.push(`# e.g. ${key}: ${yamlExample(setting.example)}`);
    lines.push(`${key}: ${JSON.stringify(setting.default).replaceAll(',', ', ')}`);
  }
  return `${lines.join('\n')}\n`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** Quoted where YAML would read something else than the text. */
function yamlExample(example: string): string {
  return /^[[{]|: |^[\d.]*:/.test(example) ? JSON.stringify(example) : example;
}
