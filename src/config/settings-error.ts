/**
 * A setting that cannot be used. `code` is stable: `bad-setting`, `unknown-setting`, `settings-file-unreadable`,
 * `settings-file-malformed`. The message is one line: where it was given, the value, the remedy. `exitCode` is what the
 * process should end with (sysexits.h: 64 usage, 66 input unreadable).
 */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly code: SettingsErrorCode;
  /** Key of the setting, or null when the file as a whole is meant. */
  readonly key: string | null;
  readonly exitCode: 64 | 66;

  constructor(code: SettingsErrorCode, key: string | null, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.key = key;
    this.exitCode = code === 'settings-file-unreadable' ? 66 : 64;
  }
}

/** Stable words, for programs. */
export type SettingsErrorCode =
  'bad-setting' | 'unknown-setting' | 'settings-file-unreadable' | 'settings-file-malformed';
