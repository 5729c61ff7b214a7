#!/usr/bin/env bash
# One night: measure everything afresh beside the last results, say what changed in the step summary, hand on the code.
set -uo pipefail
baseline=()
if [ -d "$OUT/records" ]; then
  last=$(mktemp -d)
  cp -r "$OUT/." "$last"
  baseline=(--baseline "$last" --fail-on "$FAIL_ON")
fi

# shellcheck disable=SC2086 # the options are words of a command line
reporter --out "$OUT" --fresh --architectures "$ARCHITECTURES" --preset "$PRESET" "${baseline[@]}" $OPTIONS
code=$?

{
  if [ ${#baseline[@]} -gt 0 ] && [ $code -ne 2 ]; then
    reporter compare "$last" "$OUT" --markdown
  elif [ $code -ne 2 ]; then
    echo "The first run: there is nothing to compare with yet."
  else
    echo "The reporter could not start; its message is in the log."
  fi
} >> "${GITHUB_STEP_SUMMARY:-/dev/stdout}"
echo "code=$code" >> "${GITHUB_OUTPUT:-/dev/null}"
[ -n "${GITHUB_OUTPUT:-}" ] || exit $code
