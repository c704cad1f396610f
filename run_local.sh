#!/usr/bin/env bash
# vitalbeam on this machine, with nothing installed by hand but Python.
#
#   ./run_local.sh                 set up, run the sample job, show what came out
#   ./run_local.sh test [ARGS]     set up, run the tests (ARGS go to pytest)
#   ./run_local.sh run|check|preview|push|convert ...   the command line
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv="$here/.venv"

find_python() {
  local candidate
  for candidate in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11 python3.10; do
    if command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "vitalbeam needs Python 3.10 or newer; found $(python3 --version 2>/dev/null || echo none)." >&2
  echo "Install one, or name it: PYTHON=/path/to/python3.12 ./run_local.sh" >&2
  return 1
}

# set_up EXTRA: installs the project with an extra, unless that was done already for
# this very pyproject.toml; dev holds all that the other extra does.
set_up() {
  local extra=$1 python stamp state
  state=$(cksum <"$here/pyproject.toml" | tr ' ' '-')
  stamp="$venv/.$extra-$state"
  if [ -e "$stamp" ] || [ -e "$venv/.dev-$state" ]; then
    return
  fi
  if [ ! -x "$venv/bin/python" ]; then
    python=$(find_python)
    echo "Setting up $venv (once; about a minute) ..." >&2
    "$python" -m venv "$venv" || {
      echo "Could not make a virtual environment: on Debian and Ubuntu, apt install python3-venv." >&2
      return 1
    }
  else
    echo "Bringing $venv up to date ..." >&2
  fi
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e "$here[$extra]"
  touch "$stamp"
}

case "${1:-}" in
  "")
    set_up analysis
    cd "$here"
    out=out/vital-monitor
    "$venv/bin/python" -m pipeline run templates/vital-monitor --out="$out"
    cat <<EOF

What to try next
  see each measurement and resource, with nothing written:
    ./run_local.sh preview templates/vital-monitor
  your own messages and mapping files (those of the Azure MedTech service are understood):
    ./run_local.sh check --device_mapping=my/device.json --fhir_mapping=my/fhir.json
    ./run_local.sh run --device_mapping=my/device.json --fhir_mapping=my/fhir.json \\
        --messages='my/*.ndjson' --out=out/mine
  ask the tables, here for the mean heart rate per patient:
    .venv/bin/python -c "import duckdb; print(duckdb.sql(\\"SELECT patient_identifier, avg(value) AS bpm FROM '$out/measurement/*/*.parquet' WHERE code = '8867-4' GROUP BY ALL ORDER BY ALL\\"))"
EOF
    ;;
  test)
    shift
    set_up dev
    cd "$here"
    exec "$venv/bin/python" -m pytest "$@"
    ;;
  run | check | preview | push | convert | -h | --help)
    set_up analysis
    exec "$venv/bin/python" -m pipeline "$@"
    ;;
  *)
    echo "usage: ./run_local.sh [test [ARGS] | run|check|preview|push|convert ... | --help]" >&2
    exit 2
    ;;
esac
