#!/usr/bin/env bash
# One nightly run for CI: runs `reporter nightly`, writes its result to the step summary and passes on its exit code.
set -ufo pipefail
: "${OUT:=results}" "${ARCHITECTURES:=lecture}" "${PRESET:=standard}" "${FAIL_ON:=exact}" "${OPTIONS:=}"
if ! command -v reporter > /dev/null; then
  echo "reporter is not on PATH; install it first: pip install ." >&2
  echo "code=2" >> "${GITHUB_OUTPUT:-/dev/null}"
  exit 2
fi
# shellcheck disable=SC2086 # the options are words of a command line
set -- nightly --out "$OUT" --architectures "$ARCHITECTURES" --preset "$PRESET" --fail-on "$FAIL_ON" $OPTIONS
[ -n "${GITHUB_OUTPUT:-}" ] || exec reporter "$@"

summary=${GITHUB_STEP_SUMMARY:-/dev/null}
printf '~~~~\n' >> "$summary"
reporter "$@" >> "$summary" &
child=$!
trap 'kill -TERM "$child" 2> /dev/null' TERM INT HUP
wait "$child"
code=$?
while kill -0 "$child" 2> /dev/null; do # a signal ended the first wait
  wait "$child"
  code=$?
done
case $code in
  0 | 1 | 3) ;;
  2) echo "No complete run; the message is in the log." >> "$summary" ;;
  *) echo "The run did not finish (exit code $code); the last complete run is kept." >> "$summary" ;;
esac
printf '~~~~\n' >> "$summary"
echo "code=$code" >> "${GITHUB_OUTPUT}"
