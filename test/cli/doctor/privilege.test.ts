import { describe, expect, it } from 'vitest';
import { privilegeRemedy } from '../../../src/cli/doctor/privilege.js';

function status(bounding: string, noNewPrivileges: 0 | 1): string {
  return `Name:\tnode\nCapEff:\t0000000000000000\nCapBnd:\t${bounding}\nCapAmb:\t0000000000000000\nNoNewPrivs:\t${noNewPrivileges}\n`;
}

describe('the remedy for a missing capability', () => {
  it('is root or an ambient capability where nothing stands in the way', () => {
    expect(privilegeRemedy(status('000001ffffffffff', 0))).toMatch(/^run it as root .*--ambient-caps \+net_raw/);
  });

  it('is another start of the container where the bounding set lacks it', () => {
    const docker = '00000000a80405fb';
    expect(privilegeRemedy(status(docker, 0))).toMatch(/--cap-add NET_RAW/);
    expect(privilegeRemedy(status('0000000000000000', 1))).toMatch(/--cap-add NET_RAW/);
    expect(privilegeRemedy(status('00000000a80425fb', 0))).not.toMatch(/--cap-add/);
  });

  it('names no_new_privs where sudo and files with capabilities would not help', () => {
    const remedy = privilegeRemedy(status('0000000000002000', 1));
    expect(remedy).toMatch(/no_new_privs is set/);
    expect(remedy).not.toMatch(/sudo setpriv/);
  });

  it('is the usual one where the status cannot be read or understood', () => {
    for (const text of [null, '', 'CapBnd:\tnot hexadecimal\n'])
      expect(privilegeRemedy(text)).toMatch(/^run it as root/);
  });
});
