// dependency-cruiser reports "no violations" even if it found no modules, so their number is checked too.
import { spawnSync } from 'node:child_process';

const MIN_MODULES = 500;
const { stdout, stderr, status } = spawnSync(
  'depcruise',
  ['--config', '.dependency-cruiser.mjs', '--output-type', 'json', 'apps', 'packages', 'tools', 'tests'],
  { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
);
if (!stdout) {
  console.error(`The boundaries could not be checked: ${stderr || `depcruise ended with ${status}`}`);
  process.exit(1);
}
const { summary } = JSON.parse(stdout);
for (const { rule, from, to } of summary.violations) {
  const comment = summary.ruleSetUsed.forbidden.find(({ name }) => name === rule.name)?.comment;
  console.error(`${from} imports ${to}: ${rule.name}. ${comment ?? ''}`);
}
if (summary.totalCruised < MIN_MODULES) {
  console.error(`Only ${summary.totalCruised} modules were found, so the check is incomplete.`);
  process.exit(1);
}
console.log(`boundaries: ${summary.totalCruised} modules, ${summary.violations.length} violations`);
process.exit(summary.violations.length === 0 ? 0 : 1);
