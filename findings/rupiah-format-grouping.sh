#!/usr/bin/env bash
# rupiah-format 1.0.0, a formatter of rupiah amounts.
#
# It groups the characters of the number by threes from the right, the minus sign and the decimal point among them. So a
# refund of 100 is shown as `-.100`, and half a rupiah moves all dots of a million.
#
# Guess before the run: `Rp. -100,00` and `Rp. 1.000.000,50`, as 1000 and -1000 are shown right.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent rupiah-format@1.0.0
seen=$(node -e '
  const { convert } = require("rupiah-format");
  for (const amount of [1000, -1000, -100, -100000, 1000000.5]) console.log(amount, "is", convert(amount));')
echo "rupiah-format 1.0.0"
echo "$seen"
[[ $seen == '1000 is Rp. 1.000,00
-1000 is Rp. -1.000,00
-100 is Rp. -.100,00
-100000 is Rp. -.100.000,00
1000000.5 is Rp. 100.000.0.5,00' ]] || { echo 'the behaviour has changed'; exit 1; }
