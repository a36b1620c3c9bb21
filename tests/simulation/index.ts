export { checkPaymentsModel } from './check.ts';
