/** What to do about a missing CAP_NET_RAW: ambient capabilities also work where file capabilities do not. */
export const PRIVILEGE_REMEDY =
  'run it as root or with the capability CAP_NET_RAW, for example ' +
  '`sudo setpriv --reuid $(id -u) --regid $(id -g) --init-groups --inh-caps +net_raw --ambient-caps +net_raw pdm-trace ...`';
