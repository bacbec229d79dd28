#!/bin/sh
# Check the C library without Python, from the root of the repository:
#   1. no warnings with gcc and clang
#   2. each instruction set's object holds its own instructions, and no other's
#   3. the self-test under the address and undefined-behaviour sanitizers
#   4. the self-test for 64-bit ARM, under qemu
#
# usage: tests/native.sh [warnings] [objects] [sanitize] [arm]     (all of them by default)
# Needs gcc; clang for 1; gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user-static for 4 (Debian's names).
set -eu

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
flags="-std=c11 -ffp-contract=off -fno-math-errno -Icsrc -pthread"
warn="-Wall -Wextra -Werror"

need() {
    command -v "$1" >/dev/null || { echo "native.sh: $1 is missing" >&2; exit 1; }
}

# compile COMPILER OPTIONS...: every source to an object in $build, on all CPUs
compile() {
    printf '%s\n' csrc/*.c tests/selftest.c |
        xargs -P "$(getconf _NPROCESSORS_ONLN)" -I{} sh -c 'source=$1; shift; "$@" -c "$source" \
            -o "$0/$(basename "$source" .c).o"' "$build" {} "$@"
}

warnings() {
    for compiler in gcc clang; do
        need $compiler
        # -O1: the optimiser finds what some warnings need; -fsyntax-only would not
        compile $compiler $flags $warn -O1
        echo "$compiler: no warnings"
    done
}

# has FILE PATTERN: does the disassembly mention it
has() {
    objdump -d --no-show-raw-insn "$build/$1.o" >"$build/$1.s"
    grep -q "$2" "$build/$1.s"
}

objects() {
    [ "$(uname -m)" = x86_64 ] || { echo "objects: skipped, not x86-64"; return; }
    for compiler in gcc clang; do
        need $compiler
        for isa in scalar avx2 avx512 neon; do
            $compiler $flags -O2 -c "csrc/isa_$isa.c" -o "$build/isa_$isa.o"
        done
        has isa_avx512 'vfmadd.*%zmm' || { echo "$compiler: isa_avx512.o has no AVX-512 FMA" >&2; exit 1; }
        has isa_avx2 'vfmadd.*%ymm' || { echo "$compiler: isa_avx2.o has no AVX2 FMA" >&2; exit 1; }
        ! has isa_avx2 '%zmm\|%k[1-7]' || { echo "$compiler: isa_avx2.o has AVX-512" >&2; exit 1; }
        ! has isa_scalar '%ymm\|%zmm' || { echo "$compiler: isa_scalar.o has AVX" >&2; exit 1; }
        ! has isa_neon 'ret' || { echo "$compiler: isa_neon.o is not empty here" >&2; exit 1; }
        echo "$compiler: every object holds what it says"
    done
}

sanitize() {
    need gcc
    options="-O1 -g -fopenmp -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
    compile gcc $flags $options
    gcc $options "$build"/*.o -o "$build/sanitized" -lm
    "$build/sanitized"
    echo "sanitizers: clean"
}

arm() {
    need aarch64-linux-gnu-gcc
    need qemu-aarch64-static
    compile aarch64-linux-gnu-gcc $flags $warn -O2 # serial, which so is tested too
    aarch64-linux-gnu-gcc -static "$build"/*.o -o "$build/arm" -lm
    aarch64-linux-gnu-objdump -d "$build/arm" | grep -q 'fmla.*\.4s' || { echo "no NEON FMA" >&2; exit 1; }
    qemu-aarch64-static "$build/arm" >"$build/arm.out" || { cat "$build/arm.out"; exit 1; }
    cat "$build/arm.out"
    grep -q '^neon: tested' "$build/arm.out"
    echo "aarch64: passed under qemu"
}

[ $# -gt 0 ] || set -- warnings objects sanitize arm
for part in "$@"; do
    $part
done
