#!/usr/bin/env bash
# docker-compose 1.29.2, the version of Debian 12.
#
# A compose file may give a variable a default that names another variable: ${A:-${B:-x}}. With A unset, compose 2
# answers the value of B, else x. Compose 1.29.2 neither expands the inner expression nor refuses the file: the
# container gets the text of the inner expression, and `config` prints it with its dollar sign doubled.
#
# Guess before the run: x, or an error of the file.
# Seen, exit code 0:      VALUE: $${B:-x}
#
# With a secret in the place of A, such as a webhook's signing key with an older name, every signature is refused, and
# nothing in the log says why.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
packages=(docker-compose=1.29.2-3 python3-docker=5.0.3-1 python3-dockerpty python3-docopt python3-dotenv python3-jsonschema
  python3-pyrsistent python3-attr python3-texttable python3-websocket python3-yaml python3-distro python3-requests
  python3-urllib3 python3-certifi python3-chardet python3-charset-normalizer python3-idna python3-six
  python3-pkg-resources python3-cached-property python3-importlib-metadata python3-zipp python3-more-itertools)
apt-get download -q "${packages[@]}" >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
cat >docker-compose.yml <<'YAML'
version: '3.8'
services:
  api:
    image: example
    environment:
      VALUE: ${A:-${B:-x}}
YAML
compose() {
  env -u A -u B PYTHONPATH="$dir/root/usr/lib/python3/dist-packages" \
    python3 -c 'import sys; from compose.cli.main import main; sys.argv[0] = "docker-compose"; main()' "$@"
}
version=$(compose version --short)
[[ $version == 1.29.2* ]] || { echo "another version: $version"; exit 1; }
seen=$(compose config | grep VALUE: | tr -d ' ')
echo "docker-compose $version: $seen"
[[ $seen == 'VALUE:$${B:-x}' ]] || { echo 'the behaviour has changed'; exit 1; }
