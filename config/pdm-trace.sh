#!/bin/sh
# The command pdm-trace inside the container: with the node that may open raw sockets where the container may, else with
# the base image's, since the kernel refuses to start a file whose capability is out of reach. All but measuring works then.
set -eu
may_measure=no
while read -r key value; do
  # capability.h: CAP_NET_RAW is bit 13.
  if [ "$key" = CapBnd: ] && [ $(((0x$value >> 13) & 1)) = 1 ]; then may_measure=yes; fi
done </proc/self/status
node=node
if [ $may_measure = yes ] && [ -x /opt/pdm-trace/bin/node ]; then node=/opt/pdm-trace/bin/node; fi
exec "$node" /opt/pdm-trace/dist/cli/main.js "$@"
