# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The archive this machine installs from, asked for what the machine itself is not set up for: other
# releases, other architectures. Nothing is installed. Sourced, never run.

# shellcheck disable=SC1091,SC2034
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
readonly release

# Set before make_private_apt: a directory for its state; an architecture besides the machine's own.
work=''
foreign_architecture=''

own_archive() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk -v release="$release" '$1 == release && $2 == "main" { print $3; exit }'
}

# private_apt TOOL ARGUMENT...: apt with a state of its own.
private_apt() {
	local tool=$1 architecture
	local -a architectures=()
	shift
	for architecture in "$(dpkg --print-architecture)" $foreign_architecture; do
		architectures+=(-o "APT::Architectures::=$architecture")
	done
	"$tool" -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" "${architectures[@]}" \
		-o Acquire::Languages=none -o APT::Sandbox::User=root --quiet=2 "$@"
}

# make_private_apt SUITE...: that knows these releases.
make_private_apt() {
	local archive suite keyring=/usr/share/keyrings/debian-archive-keyring.gpg options=''
	archive=$(own_archive)
	[[ $archive ]] || die "apt knows no archive of this release; see /etc/apt"
	if [[ -f $keyring ]]; then
		options="[signed-by=$keyring] "
	fi
	mkdir -p "$work"/{lists,cache/archives}/partial
	for suite; do
		echo "deb $options$archive $suite main"
	done >"$work/sources.list"
	private_apt apt-get update
}
