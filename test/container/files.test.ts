/** The files in `config/` and the Dockerfile, without an image. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { DOCKERFILE, ROOT } from './build-image.js';
import { compose, service } from './compose-service.js';
import { run } from './storage.js';
import { UNIT_FILE, unitValue, unitValues } from './unit-file.js';

const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { readonly version: string };

describe('the compose file', () => {
  it('measures from the host, not from behind a bridge', () => {
    expect(service.network_mode).toBe('host');
  });

  it('gives the container CAP_NET_RAW and nothing else', () => {
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.cap_add).toEqual(['NET_RAW']);
    expect(service.privileged).toBeUndefined();
  });

  it('leaves no-new-privileges out, which would take the capability away', () => {
    expect(service.security_opt).toBeUndefined();
  });

  it('leaves one place to write to that lasts, and one that does not', () => {
    expect(service.read_only).toBe(true);
    const writable = service.volumes.filter((volume) => !volume.endsWith(':ro')).map((volume) => volume.split(':'));
    expect(writable).toEqual([[Object.keys(compose.volumes)[0], '/var/lib/pdm-trace']]);
    expect(service.tmpfs.map((each) => each.split(':')[0])).toEqual(['/tmp']);
  });

  it('waits for the daemon longer than the 10 s in which it stores what is in flight', () => {
    expect(Number(/^(\d+)s$/.exec(service.stop_grace_period)?.[1])).toBeGreaterThan(10);
  });

  it('says about user, command, health and version what the image says', () => {
    const stated = (pattern: RegExp): string => pattern.exec(DOCKERFILE)?.[1] ?? 'nothing';
    expect(service.user).toBe(stated(/^USER (.+)$/m));
    expect(service.command).toEqual(JSON.parse(stated(/^CMD (.+)$/m)));
    expect(service.healthcheck.test).toEqual(['CMD', ...(JSON.parse(stated(/^ +CMD (.+)$/m)) as string[])]);
    expect(service.image).toBe(`pdm-trace:${version}`);
    expect(stated(/^ARG VERSION=(.+)$/m)).toBe(version);
  });
});

describe('the systemd unit', () => {
  it('has nothing that systemd complains about', async () => {
    expect(await run(['systemd-analyze', 'verify', UNIT_FILE])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('exposes the machine to at most 2.0 of 10 by the reckoning of systemd-analyze security', async () => {
    const { code, stdout } = await run([
      ...['systemd-analyze', 'security', '--no-pager', '--offline=true', '--threshold=20', UNIT_FILE],
    ]);
    expect(stdout).toMatch(/Overall exposure level for pdm-trace\.service: [01]\.\d|: 2\.0/);
    expect(code).toBe(0);
  });

  it('gives CAP_NET_RAW and nothing else, to a user who is not root', () => {
    expect(unitValue('AmbientCapabilities')).toBe('CAP_NET_RAW');
    expect(unitValue('CapabilityBoundingSet')).toBe('CAP_NET_RAW');
    expect(unitValue('NoNewPrivileges')).toBe('yes');
    expect(unitValue('User')).toBe('pdm-trace');
  });

  it('leaves one folder to write to', () => {
    expect(unitValue('ProtectSystem')).toBe('strict');
    expect(unitValue('StateDirectory')).toBe('pdm-trace');
    expect(unitValues('ReadWritePaths')).toEqual([]);
  });

  it('waits for the daemon longer than the 10 s in which it stores what is in flight', () => {
    expect(Number(unitValue('TimeoutStopSec'))).toBeGreaterThan(10);
  });
});
