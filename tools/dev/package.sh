# shellcheck shell=bash
# Debian packages of the committed state, in build-package/, and what lintian says of them.
# shellcheck source=tools/dev/lib.sh
. "$NETINFO_TOP/tools/dev/lib.sh"
case "${1:-}" in
-h | --help)
        cat <<'TEXT'
usage: ./dev package
  Installs what building packages needs, builds the committed state, and puts the packages into build-package/. What lintian
  finds fails the command.
then: apt install ./build-package/{netinfo-server,netinfo-tools}_*.deb        (doc/install.md)
TEXT
        exit 0
        ;;
'') ;;
*) die "there is no option $1; see ./dev package --help" ;;
esac
# shellcheck disable=SC2086
need_packages no $packages_package
scratch=$(mktemp -d "${TMPDIR:-/tmp}/netinfo-package.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
mkdir "$scratch/netinfo"
git archive HEAD | tar -x -C "$scratch/netinfo"
say "building the packages ..."
if ! (cd "$scratch/netinfo" && DEB_BUILD_OPTIONS="parallel=$(nproc) noautodbgsym" dpkg-buildpackage -us -uc -b) >"$scratch/log" 2>&1; then
        tail -n 30 "$scratch/log" >&2
        die "dpkg-buildpackage failed; its last words are above"
fi
mkdir -p build-package
rm -f build-package/*.deb
cp "$scratch"/*.deb build-package/
say "lintian ..."
lintian --fail-on error,warning --suppress-tags bad-distribution-in-changes-file "$scratch"/*.changes 2>&1 | grep -v '^running with root' >&2
[ "${PIPESTATUS[0]}" = 0 ] || die "lintian found something; see above"
ls build-package >&2
say "done"
