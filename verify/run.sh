#!/usr/bin/env bash
# The long checks; `make verify` calls this after it has built the binary and the peers' environment.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.cache/venv/bin/python
RUN_SLOW_TESTS=30 cargo test --workspace --test crash --test laws -- --nocapture
diptych="${CARGO_TARGET_DIR:-target}/debug/diptych"
"$python" verify/equality.py --diptych "$diptych" --folder .cache/equality "$@"
for folder in web_sessions cdnow completejourney; do
  compare=()
  if [ "$folder" = completejourney ]; then compare=(--diptych "$diptych"); fi
  if [ -d "${DIPTYCH_DATA:-}/$folder" ]; then "$python" "verify/$folder.py" "$DIPTYCH_DATA/$folder" "${compare[@]}" > /dev/null; else echo "skipped: no data"; fi
done
