# pdm-trace in a container: how to build, run and upgrade it is in docs/container.md.
# Any Debian or Ubuntu image with Node 20.19 or later and npm will do; both stages use the same one.
ARG BASE_IMAGE=docker.io/library/node:24-bookworm-slim

# The modules that run, compiled against the headers of the very Node that will run them; nothing compiled is downloaded.
FROM ${BASE_IMAGE} AS modules
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends g++ make python3 libcap2-bin tini
WORKDIR /opt/pdm-trace
ENV npm_config_nodedir=/usr/local npm_config_build_from_source=true JOBS=max
COPY package.json package-lock.json ./
COPY native-shim ./native-shim
# Another registry: --secret id=npmrc,src=$HOME/.npmrc; and where a proxy signs for it, the certificates to believe:
# --secret id=npm-ca,src=FILE. They are there for these commands alone and stay in no layer.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    --mount=type=secret,id=npm-ca,target=/run/secrets/npm-ca \
    ! [ -f /run/secrets/npm-ca ] || export NODE_EXTRA_CA_CERTS=/run/secrets/npm-ca; \
    npm ci --omit=dev --no-audit --no-fund
# What was only needed to compile goes, and of the AS data all but the one file that is read. A module that does not
# load ends the build here: in the field, pdm-trace would make do without it and measure less.
RUN cd node_modules \
 && rm -rf better-sqlite3/deps better-sqlite3/src better-sqlite3-napi/deps better-sqlite3-napi/src raw-socket/src \
      raw-socket/example nan node-addon-api ../native-shim/source ../native-shim/binding.gyp \
 && find better-sqlite3/build raw-socket/build ../native-shim/build -type f \
      ! -name better_sqlite3.node ! -name raw.node ! -name pdm_native_shim.node -delete \
 && find better-sqlite3-napi/prebuilds -type f ! -name 'linux*' -delete \
 && find . ../native-shim -type d -empty -delete \
 && find @ip-location-db/asn -name '*.csv' ! -name asn-ipv6.csv -delete \
 && find . \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' \) -type f -delete \
 && node --input-type=commonjs -e "for (const name of ['pdm-native-shim', 'raw-socket']) require(name); new (require(process.versions.node.split('.')[0] >= 22 ? 'better-sqlite3-napi' : 'better-sqlite3'))(':memory:')"

FROM ${BASE_IMAGE} AS compiled
WORKDIR /opt/pdm-trace
COPY package.json package-lock.json tsconfig.json tsconfig.build.json ./
COPY native-shim ./native-shim
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    --mount=type=secret,id=npm-ca,target=/run/secrets/npm-ca \
    ! [ -f /run/secrets/npm-ca ] || export NODE_EXTRA_CA_CERTS=/run/secrets/npm-ca; \
    npm ci --ignore-scripts --no-audit --no-fund
COPY src ./src
RUN npm run build

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pdm-trace" \
      org.opencontainers.image.description="Do packets with the RFC 8250 PDM destination option arrive, and if not, where do they stop?" \
      org.opencontainers.image.licenses="MIT AND CC-BY-4.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=modules /usr/bin/tini-static /usr/local/bin/tini
COPY --from=modules /opt/pdm-trace/package.json /opt/pdm-trace/
COPY --from=modules /opt/pdm-trace/node_modules /opt/pdm-trace/node_modules
COPY --from=modules /opt/pdm-trace/native-shim /opt/pdm-trace/native-shim
COPY --from=compiled /opt/pdm-trace/dist /opt/pdm-trace/dist
COPY LICENSE /opt/pdm-trace/
COPY config /opt/pdm-trace/config
COPY config/pdm-trace.sh /usr/local/bin/pdm-trace
# A copy of node of our own may open raw sockets, and only our user may run it; the base image's node may not. A copy
# with capabilities is made where it stays: what copying keeps differs between builders, and chown removes them.
RUN --mount=type=bind,from=modules,source=/,target=/mnt \
    groupadd --gid 10001 pdm-trace \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/pdm-trace --shell /usr/sbin/nologin pdm-trace \
 && install -d -m 0755 /etc/pdm-trace /opt/pdm-trace/bin \
 && install -d -m 0750 -o pdm-trace -g pdm-trace /var/lib/pdm-trace \
 && install -m 0750 -o root -g pdm-trace "$(readlink -f "$(command -v node)")" /opt/pdm-trace/bin/node \
 && cp -L /mnt/usr/sbin/setcap /mnt/lib/*-linux-*/libcap.so.2 /tmp/ \
 && LD_LIBRARY_PATH=/tmp /tmp/setcap cap_net_raw=ep /opt/pdm-trace/bin/node \
 && rm /tmp/setcap /tmp/libcap.so.2
ENV NODE_ENV=production
USER 10001:10001
WORKDIR /var/lib/pdm-trace
VOLUME /var/lib/pdm-trace
# Says nothing about containers that run another command than the daemon.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["node", "/opt/pdm-trace/dist/cli/health-check.js"]
ENTRYPOINT ["tini", "-s", "--", "pdm-trace"]
CMD ["daemon", "--config", "/etc/pdm-trace/daemon.yaml"]
