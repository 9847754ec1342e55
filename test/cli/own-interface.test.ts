import { describe, expect, it } from 'vitest';
import { refuseInterface } from '../../src/cli/own-interface.js';

const DEVICES = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1436448    9012    0    0    0     0          0         0  1436448    9012    0    0    0     0       0          0
eth0.7:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
`;

describe('an interface that is set', () => {
  it.each(['lo', 'eth0.7', null])('may be %s, which is here', (name) => {
    expect(refuseInterface(name, DEVICES)).toBeNull();
  });

  it.each(['eth0', 'nosuch', 'face', 'Inter-|'])('is refused where it is %s, with the remedy, in one line', (name) => {
    expect(refuseInterface(name, DEVICES)).toMatchObject({
      code: 'ENODEV',
      exitCode: 69,
      message: `--interface ${name} is no interface of this host; give one that \`ip link\` lists: lo, eth0.7`,
    });
  });

  it('is taken on trust where the kernel does not say which there are', () => {
    expect(refuseInterface('eth0', null)).toBeNull();
  });
});
