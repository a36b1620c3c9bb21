// For tests that run an admin API in their own process.
export { type AdminConfig, readConfig } from './config.ts';
export { type RunningAdmin, startAdmin } from './server.ts';

// For tests that run an operator's command in their own process.
export { runCommand } from './commands/run.ts';

// For tests of the release step.
export { StillRunningError, upgrade } from './release/upgrade.ts';
