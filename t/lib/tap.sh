#!/bin/sh
#
# prove --exec: each test by what it is, so that one run joins them all.

case $1 in
    *.t)    exec perl -It/lib "$@" ;;
    *.mjs)  exec node "$@" ;;
    *)      CMOCKA_MESSAGE_OUTPUT=TAP exec "$@" ;;
esac
