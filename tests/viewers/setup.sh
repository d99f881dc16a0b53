#!/usr/bin/env bash
# Installs what the viewer tests need on a new Debian machine: Chromium, puppeteer-core, vizarr and napari's reader.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v npm > /dev/null; then
  echo "the viewer tests need Node.js 20 or newer with npm; install it and run this again" >&2
  exit 1
fi
if [ ! -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
  as_root=""
  [ "$(id -u)" = 0 ] || as_root=sudo
  $as_root apt-get update -qq
  $as_root apt-get install -y -qq --no-install-recommends chromium
fi
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error
if [ ! -f vizarr/index.js ]; then
  # its dependencies do not install, but the package carries the built viewer
  archive=$(npm pack --loglevel=error @galaxyproject/vizarr@0.1.8)
  mkdir -p vizarr
  tar -xzf "$archive" --strip-components=2 -C vizarr package/static
  rm "$archive"
fi
if [ ! -f napari/ready ]; then
  # napari's own requirements would pull this project's environment about, so its reader gets one of its own
  rm -rf napari
  "${PYTHON:-python3}" -m venv napari
  if napari/bin/python -m pip install --quiet --disable-pip-version-check napari-ome-zarr==0.10.0 zarr==3.1.6; then
    touch napari/ready
  else
    echo "napari-ome-zarr does not install here: reading with it is NOT tested" >&2
  fi
fi
