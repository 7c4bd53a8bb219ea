# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What ./dev and the scripts beside this file share: where things are, how to say something, how to
# take a lock. Sourced, never run.

# The source tree, whatever directory the caller stands in.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034
readonly top

# Everything that takes long to make and can be made again lives here, outside the source tree.
cache=${CMABULK_CACHE:-${XDG_CACHE_HOME:-~/.cache}/cmabulk}
readonly cache

# The kernels that the VM may run are named [VERSION-]FLAVOUR[-gdb][-stock]: VERSION is that of the
# distribution's source package, FLAVOUR a fragment of the configuration, "-gdb" another, which is for a
# debugger and no other kernel to test, and only a stock kernel goes without our series for that version.
# shellcheck disable=SC2034
readonly kernel_versions=(6.1 6.12 7.2) default_kernel_version=6.12
# shellcheck disable=SC2034
readonly kernel_flavours=(plain debug)
# What is built and tested unless somebody says otherwise.
# shellcheck disable=SC2034
readonly default_kernels=(plain debug)

all_kernels() {
	local version flavour patched
	for version in "${kernel_versions[@]}"; do
		for flavour in "${kernel_flavours[@]}"; do
			for patched in '' -stock; do
				if [[ $version == "$default_kernel_version" ]]; then
					echo "$flavour$patched"
				else
					echo "$version-$flavour$patched"
				fi
			done
		done
	done
}

# parse_kernel NAME: sets kernel_version, kernel_flavour, kernel_gdb and kernel_stock (yes or no).
# shellcheck disable=SC2034
parse_kernel() {
	local name=${1#"$default_kernel_version-"}
	local known
	kernel_gdb=no
	if [[ $name =~ ^(.+)-gdb(-stock)?$ ]]; then
		kernel_gdb=yes
		name=${BASH_REMATCH[1]}${BASH_REMATCH[2]}
	fi
	known=$(all_kernels | paste -s -d ' ')
	# Not a pipe to grep: who stops reading early makes the writer, and so the pipe, fail.
	[[ " $known " == *" $name "* ]] || die "no such kernel: $1 (there is: $known)"
	kernel_stock=no
	if [[ $name == *-stock ]]; then
		kernel_stock=yes
		name=${name%-stock}
	fi
	kernel_version=$default_kernel_version
	if [[ $name == *-* ]]; then
		kernel_version=${name%-*}
	fi
	kernel_flavour=${name##*-}
}

say() {
	printf '%s\n' "$*" >&2
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# lock FILE: hold an exclusive lock until this process ends, saying so when that takes waiting for.
# Children inherit it: a make that outlives its killed parent still keeps others out.
lock() {
	mkdir -p "$(dirname "$1")"
	exec 9>"$1"
	if ! flock --nonblock 9; then
		say "waiting for another ${0##*/} to finish"
		flock 9
	fi
}

# compiler: the C compiler through ccache, whose store is ours so that `./dev clean --cache` gets it all.
export CCACHE_DIR=$cache/ccache
# The kernel's own dependency files tell ccache what was included: saves a preprocessor run per object.
export CCACHE_DEPEND=1

# follow LABEL LOGFILE: copy a build's output from stdin to LOGFILE and show how far it is: one line
# that is rewritten on a terminal, a line every 20 s otherwise.
follow() {
	local label=$1 log=$2 line compiled=0 begun=$SECONDS shown=$SECONDS
	while IFS= read -r line; do
		printf '%s\n' "$line" >&3
		[[ $line == '  CC '* || $line == '  CC [M]'* ]] || continue
		compiled=$((compiled + 1))
		if [[ -t 2 ]]; then
			printf '\r%s: %d objects compiled, %d s \033[K' "$label" $compiled \
				$((SECONDS - begun)) >&2
		elif ((SECONDS - shown >= 20)); then
			shown=$SECONDS
			say "$label: $compiled objects compiled, $((SECONDS - begun)) s"
		fi
	done 3>"$log"
	if [[ -t 2 ]]; then
		printf '\r\033[K' >&2
	fi
	say "$label: $compiled objects compiled in $((SECONDS - begun)) s"
}
