import { testGateway } from './payment-matrix.ts';

testGateway('midtrans', { isComplete: true });
