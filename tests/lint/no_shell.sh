#!/usr/bin/env bash
# No shell anywhere in the program: a program that it starts gets its arguments as a list, and is found before. What would
# give words to a shell, or look a program up on a PATH that nobody has checked, is not called.
set -euo pipefail
cd "$(dirname "$0")/../.."
forbidden='\b(system|popen|wordexp|execlp|execvp|execvpe|posix_spawnp|execl|execle)\('
if grep -nE "$forbidden" base/*.c jobs/*.c engine/*.c steps/*.c cluster/*.c cluster/*/*.c state/*.c cli/*.c cli/*/*.c; then
    echo "a shell, or a search on PATH: give an argument list to posix_spawn or execve" >&2
    exit 1
fi
if grep -nE '"(/usr)?/bin/(ba|da|z|k)?sh"|"-c"' base/*.c engine/*.c steps/*.c cluster/*.c cluster/*/*.c cli/*.c cli/*/*.c; then
    echo "a shell by name" >&2
    exit 1
fi
