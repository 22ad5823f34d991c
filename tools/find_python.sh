#!/bin/sh
# Print the Python that the environment is made with: CPython 3.10, 3.11 or 3.12 with venv.
# The active virtual environment wins; otherwise python3, then the named versions on PATH.

suits='import sys
ok = (3, 10) <= sys.version_info[:2] < (3, 13) and sys.implementation.name == "cpython"
sys.exit(0 if ok else 1)'

if [ -n "${VIRTUAL_ENV:-}" ]; then
    if "$VIRTUAL_ENV/bin/python" -c "$suits" 2>/dev/null; then
        echo "$VIRTUAL_ENV/bin/python"
        exit 0
    fi
    found=$("$VIRTUAL_ENV/bin/python" --version 2>&1)
    echo "error: CenterGroup needs CPython 3.10, 3.11 or 3.12; the active environment has $found" >&2
    exit 1
fi

without_venv=
for name in python3 python3.11 python3.10 python3.12; do
    # a name can be there without running, as pyenv's shims are
    if "$name" -c "$suits" 2>/dev/null; then
        if "$name" -c 'import ensurepip, venv' 2>/dev/null; then
            command -v "$name"
            exit 0
        fi
        without_venv=$name
    fi
done

if [ -n "$without_venv" ]; then
    echo "error: $without_venv has no venv module; on Debian and Ubuntu: apt-get install $without_venv-venv" >&2
else
    echo "error: CenterGroup needs CPython 3.10, 3.11 or 3.12 on PATH; python3 is $(python3 --version 2>&1 || true)" >&2
fi
exit 1
