export { checkPaymentsModel } from './payments-model.ts';
