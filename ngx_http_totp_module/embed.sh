#!/bin/sh
#
# Writes the C file that holds pages, assets, languages and Lua scripts as byte
# arrays (pure/totp_embedded.h is its interface).
#
#     embed.sh SOURCES OUTPUT.c
#
# SOURCES is the directory this script is in.  Needs od, sed and awk only.

set -eu

LC_ALL=C
export LC_ALL

if [ $# -ne 2 ]; then
    echo "usage: embed.sh SOURCES OUTPUT.c" >&2
    exit 2
fi

dir=$1
out=$2
new=$out.new

trap 'rm -f "$new"' EXIT


# Folder by folder in the order of their names, so that the table is sorted.

files()
{
    for file in "$dir"/page/assets/* "$dir"/page/lang/*.lang \
                "$dir"/store/lua/*.lua "$dir"/page/pages/*.html
    do
        if [ -f "$file" ]; then
            printf '%s\n' "$file"
        fi
    done
}


name_of()
{
    printf '%s/%s\n' "$(basename "$(dirname "$1")")" "$(basename "$1")"
}


# What a browser has to load goes without indentation, empty lines and the
# comments that begin a line; a style sheet also without spaces at punctuation
# and comments that end a line.

content_of()
{
    case $1 in
    *.css)
        plain "$1" | sed -e 's|[[:blank:]]*/\*[^*]*\*/$||' \
                         -e 's/ *\([{};,>]\) */\1/g' -e 's/: /:/g' ;;
    */assets/*)
        plain "$1" ;;
    *)
        cat "$1" ;;
    esac
}


plain()
{
    awk '{ sub(/^[ \t]+/, "") }
         inside && !/\*\// { next }
         inside { sub(/^.*\*\//, ""); inside = 0 }
         /^\/\*/ && !/\*\// { inside = 1; next }
         /^\/\*/ { sub(/^\/\*.*\*\/[ \t]*/, "") }
         NF' "$1"
}


{
    echo '/* Written by embed.sh: change the files it names instead. */'
    echo
    echo '#include "totp_embedded.h"'

    n=0
    files | while read -r file; do
        n=$((n + 1))
        printf '\n\n/* %s */\n\n' "$(name_of "$file")"
        echo "static const uint8_t  totp_embedded_$n[] = {"
        content_of "$file" | od -An -v -tx1 | sed -e 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g' \
                                     -e 's/^/    /'
        echo '    0x00'
        echo '};'
    done

    printf '\n\nconst totp_embedded_t  totp_embedded[] = {\n'

    files | while read -r file; do
        name_of "$file"
    done | awk '{
        printf "    { \"%s\", { sizeof(totp_embedded_%d) - 1, ", $0, NR
        printf "totp_embedded_%d } },\n", NR
    }'

    echo '    { NULL, { 0, NULL } }'
    echo '};'
} > "$new"

mv "$new" "$out"
