#!/usr/bin/env bash
# Installs what the viewer tests need on a new Debian machine: Chromium, puppeteer-core, vizarr and a reader for napari.
set -euo pipefail
cd "$(dirname "$0")"
if [ ! -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
  as_root=""
  [ "$(id -u)" = 0 ] || as_root=sudo
  $as_root apt-get update -qq
  $as_root apt-get install -y -qq --no-install-recommends chromium
fi
[ -d node_modules/puppeteer-core ] || npm ci --no-audit --no-fund --loglevel=error
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
  napari/bin/python -m pip install --quiet --disable-pip-version-check napari-ome-zarr==0.10.0 zarr==3.1.6
  touch napari/ready
fi
