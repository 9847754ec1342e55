import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assertNoCapabilities, chooseUser, type PrivilegeSituation } from '../../src/transport/native/privileges.js';
import { dropPrivileges, openNativeTransport } from '../../src/transport/native/native-transport.js';
import { enterNewNamespace } from './network-namespace.js';

const ALL_IDS = '         0          0 4294967295\n';
const ROOT: PrivilegeSituation = {
  euid: 0,
  environment: {},
  passwd: 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin\n',
  uidMap: ALL_IDS,
  gidMap: ALL_IDS,
  setgroups: 'allow\n',
};
const SUDO = { SUDO_UID: '1000', SUDO_GID: '1001' };

describe('whom to become', () => {
  it('is the user who called sudo', () => {
    expect(chooseUser({ ...ROOT, environment: SUDO })).toEqual({ uid: 1000, gid: 1001 });
  });

  it('is nobody, as the machine has it, when root did not come by sudo', () => {
    expect(chooseUser(ROOT)).toEqual({ uid: 65534, gid: 65533 });
    expect(chooseUser({ ...ROOT, passwd: '' })).toEqual({ uid: 65534, gid: 65534 });
  });

  it.each([
    { SUDO_UID: '0', SUDO_GID: '0' },
    { SUDO_UID: '1000' },
    { SUDO_UID: '-1', SUDO_GID: '1000' },
    { SUDO_UID: '4294967295', SUDO_GID: '1000' },
    { SUDO_UID: '1e3', SUDO_GID: '1000' },
  ])('is nobody when sudo left the useless %j', (environment) => {
    expect(chooseUser({ ...ROOT, environment })).toEqual({ uid: 65534, gid: 65533 });
  });

  it('is ourselves when we are not root', () => {
    expect(chooseUser({ ...ROOT, euid: 1000, environment: SUDO })).toBeNull();
  });

  it('is ourselves in a user namespace that has no other user or where groups cannot be changed', () => {
    const onlyRoot = '         0       1000          1\n';
    expect(chooseUser({ ...ROOT, uidMap: onlyRoot, gidMap: onlyRoot })).toBeNull();
    expect(chooseUser({ ...ROOT, setgroups: 'deny\n' })).toBeNull();
  });

  it('is nobody in a user namespace that has nobody but not the user of sudo', () => {
    const others = '0 100000 1\n60000 160000 10000\n';
    expect(chooseUser({ ...ROOT, environment: SUDO, uidMap: others, gidMap: others })).toEqual({
      uid: 65534,
      gid: 65533,
    });
  });
});

describe('the check behind the system calls', () => {
  const none =
    'CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n';

  it('accepts threads without capabilities', () => {
    expect(() => {
      assertNoCapabilities([{ id: '1', status: none }]);
    }).not.toThrow();
  });

  it.each(['CapInh', 'CapPrm', 'CapEff', 'CapAmb'])(
    'names the thread that still has something in %s, or does not say',
    (set) => {
      const status = none.replace(`${set}:\t0000000000000000`, `${set}:\t0000000000002000`);
      const threads = [
        { id: '7', status: none },
        { id: '8', status },
      ];
      const problem = {
        code: 'ERR_PRIVILEGES_KEPT',
        message: expect.stringContaining(`Thread 8 still has ${set}`) as string,
      };
      expect(() => {
        assertNoCapabilities(threads);
      }).toThrow(expect.objectContaining(problem));
      expect(() => {
        assertNoCapabilities([{ id: '8', status: none.replace(set, 'Other') }]);
      }).toThrow(expect.objectContaining(problem));
    },
  );
});

describe('this process, having opened a transport as root', () => {
  it('is nobody without capabilities in any thread, and its transport still sends, receives and finds routes', async () => {
    enterNewNamespace();
    const clock = { nowNs: () => performance.now() * 1e6 };
    const transport = await openNativeTransport({ clock });
    expect(await dropPrivileges()).toEqual({ uid: 65534, gid: 65534 });
    for (const id of readdirSync('/proc/self/task')) {
      const status = readFileSync(`/proc/self/task/${id}/status`, 'utf8');
      expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534\n/m);
      expect(status).toMatch(/^CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n/m);
    }
    const loopback = new Uint8Array(16).fill(1, 15);
    expect(await transport.route(loopback)).toMatchObject({ interface: 'lo' });
    await transport.watch([{ protocol: 'udp', from: 5000, to: 5000 }]);
    const arrival = new Promise<string>((resolve) => {
      transport.onPackets((batch) => {
        for (const { direction, bytes } of batch) if (direction === 'in') resolve(Buffer.from(bytes).toString('hex'));
      });
    });
    const address = `${'0'.repeat(31)}1`;
    const packet = `60000000000811ff${address}${address}1388138800080000`;
    const outcomes = await transport.send(Buffer.from(packet, 'hex'), Uint32Array.of(0), Uint32Array.of(48));
    expect(outcomes).toEqual([{ ok: true, sentAtNs: expect.any(Number) as number }]);
    expect(await arrival).toBe(packet);
    await transport.close();
    await expect(openNativeTransport({ clock })).rejects.toMatchObject({ code: 'EPERM', syscall: 'socket' });
  });
});
