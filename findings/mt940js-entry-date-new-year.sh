#!/usr/bin/env bash
# mt940js 1.3.5, a parser of bank statements in MT940, which banks in Indonesia export for companies.
#
# Field 61 has a value date with its year (YYMMDD) and an entry date without one (MMDD). A transfer with the value date
# 31 December 2025 that the bank entered on 2 January is `2512310102`. The parser gives the entry date the year of the
# value date, so this line was entered on 2 January 2025, 363 days before its value date. The other way round, a value date
# of 2 January 2026 entered on 31 December becomes 31 December 2026.
#
# Guess before the run: the entry date nearest to the value date, 2 January 2026 and 31 December 2025.
#
# A search of a statement by entry date misses these lines each New Year, and a report by month puts them into another year.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent mt940js@1.3.5
cat >run.cjs <<'JS'
const { Parser } = require('mt940js');
const entered = (dates) => {
  const statement = [
    ':20:STATEMENT', ':25:1234567890', ':28C:1/1', ':60F:C251230IDR1000000,',
    `:61:${dates}C85000,NTRFNONREF`, ':86:TRANSFER', ':62F:C260105IDR1085000,', '-', '',
  ].join('\r\n');
  const [{ transactions: [line] }] = new Parser().parse(statement);
  return `value ${line.date.toISOString().slice(0, 10)} entry ${line.entryDate.toISOString().slice(0, 10)}`;
};
console.log(entered('2512310102'));
console.log(entered('2601021231'));
JS
seen=$(node run.cjs)
echo "mt940js 1.3.5"
echo "$seen"
[[ $seen == 'value 2025-12-31 entry 2025-01-02
value 2026-01-02 entry 2026-12-31' ]] || { echo 'the behaviour has changed'; exit 1; }
