/** What `config/compose.yaml` asks an engine for. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { ROOT } from './build-image.js';
import type { ContainerOptions } from './run-container.js';

export interface ComposeService {
  readonly image: string;
  readonly build: { readonly context: string };
  readonly network_mode: string;
  readonly user: string;
  readonly cap_drop: readonly string[];
  readonly cap_add: readonly string[];
  readonly security_opt?: readonly string[];
  readonly privileged?: boolean;
  readonly read_only: boolean;
  readonly tmpfs: readonly string[];
  readonly volumes: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: { readonly test: readonly string[] };
  readonly stop_grace_period: string;
}

interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export const COMPOSE_FILE = path.join(ROOT, 'config/compose.yaml');
export const compose = parse(readFileSync(COMPOSE_FILE, 'utf8')) as ComposeFile;
export const service = compose.services['daemon']!;

/** The service's container, in a network namespace where the file says the host's. */
export function serviceOptions(network: string, volume: string): ContainerOptions {
  return {
    user: service.user,
    capabilities: service.cap_add,
    noNewPrivileges: service.security_opt?.some((option) => option.startsWith('no-new-privileges')) ?? false,
    readOnly: service.read_only,
    temporary: service.tmpfs.map((each) => each.split(':')[0]!),
    network,
    volume,
    command: service.command,
  };
}
