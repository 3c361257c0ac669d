#!/bin/sh
#
#     env.sh COMMAND...
#
# Runs a command so that the tests' harness takes nginx and the module that are
# built with sanitizers (see the Makefile here).

top=$(cd "$(dirname "$0")/../.." && pwd)

export PATH="$top/build/asan/sbin:$PATH"
export TOTP_MODULE="$top/build/asan/ngx_http_totp_module.so"
export TOTP_SLOW="${TOTP_SLOW:-4}"

# Every module of nginx defines ngx_modules for itself: no violation of the one
# definition rule is meant by that.  No leaks: nginx ends a worker by exit()
# while it still holds what the worker has used all its life.

ASAN_OPTIONS=detect_odr_violation=0:detect_leaks=0
ASAN_OPTIONS=$ASAN_OPTIONS:detect_stack_use_after_return=1
ASAN_OPTIONS=$ASAN_OPTIONS:strict_string_checks=1:check_initialization_order=1
UBSAN_OPTIONS=print_stacktrace=1
export ASAN_OPTIONS UBSAN_OPTIONS

exec "$@"
